import { describe, expect, test } from '#test/both-engines.ts';
import type { BootFacts } from '#prepare-root/facts.ts';
import { describeOp } from '#prepare-root/mount-op.ts';
import { planRoot } from '#prepare-root/plan.ts';

const FACTS: BootFacts = {
  sysroot: '/sysroot',
  deployment: '/ostree/deploy/os/deploy/abc.0',
  device: 65025,
  inode: 42,
  config: {
    sysrootReadonly: false,
    etcTransient: false,
    rootTransient: 'no',
    composefs: 'no',
    verity: false,
    signed: false,
    keyFile: null,
    mountVar: false,
    fallback: false,
  },
  legacyReadonly: false,
  writable: true,
  hotfix: false,
  hasComposefsImage: false,
  bootOnRoot: true,
  imageDigest: null,
  backingDevice: null,
  mountVarMarker: false,
  isInit: false,
  ownProc: false,
  isRunning: false,
  environment: [],
  uniqueSuffix: 'abcdef',
};

function steps(facts: Partial<BootFacts>): string {
  const ops = planRoot({ ...FACTS, ...facts });
  return ['', ...ops.map(describeOp), ''].join('\n');
}

describe('the steps', () => {
  test('plain', () => {
    expect(steps({})).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /sysroot/ostree/deploy/os/deploy/abc.0'
      print 'sysroot.readonly configuration value: 0 (fs writable: 1)'
      make directory /run/ostree (0755)
      make directory /run/ostree/.private (0000)
      make / and all below private
      make directory /sysroot.tmp (0755)
      enter /sysroot/ostree/deploy/os/deploy/abc.0
      print 'Using legacy ostree bind mount for /'
      bind /sysroot/ostree/deploy/os/deploy/abc.0 on /sysroot.tmp
      bind /sysroot.tmp/usr on /sysroot.tmp/usr
      remount /sysroot.tmp/usr read-only
      bind /sysroot on /sysroot.tmp/sysroot
      unmount /sysroot
      enter /sysroot.tmp/sysroot/ostree/deploy/os/deploy/abc.0
      write /run/ostree-booted (136 bytes)
      move /sysroot.tmp to /sysroot
      enter /sysroot
      remove directory /sysroot.tmp
      "
    `);
  });

  test('everything that can be without composefs', () => {
    const config = { ...FACTS.config, sysrootReadonly: true, etcTransient: true };
    expect(steps({ config, hotfix: true, mountVarMarker: true, sysroot: '/disk' })).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /disk/ostree/deploy/os/deploy/abc.0'
      print 'sysroot.readonly configuration value: 1 (fs writable: 1)'
      make directory /run/ostree (0755)
      make directory /run/ostree/.private (0000)
      make / and all below private
      make directory /sysroot.tmp (0755)
      enter /disk/ostree/deploy/os/deploy/abc.0
      print 'Using legacy ostree bind mount for /'
      bind /disk/ostree/deploy/os/deploy/abc.0 on /sysroot.tmp
      make directory /run/ostree/transient-etc.abcdef (0700)
      make directory /run/ostree/transient-etc.abcdef/upper (0755)
      make directory /run/ostree/transient-etc.abcdef/work (0755)
      mount overlay on /sysroot.tmp/etc (lowerdir=/sysroot.tmp/usr/etc,upperdir=/run/ostree/transient-etc.abcdef/upper,workdir=/run/ostree/transient-etc.abcdef/work)
      mount overlay on /sysroot.tmp/usr (lowerdir=/sysroot.tmp/usr,upperdir=.usr-ovl-upper,workdir=.usr-ovl-work)
      bind /disk on /sysroot.tmp/sysroot
      unmount /disk
      enter /sysroot.tmp/sysroot/ostree/deploy/os/deploy/abc.0
      bind /sysroot.tmp/sysroot/ostree/deploy/os/var on /sysroot.tmp/sysroot/ostree/deploy/os/var
      remount /sysroot.tmp/sysroot/ostree/deploy/os/var writable
      bind /sysroot.tmp/sysroot/boot on /sysroot.tmp/boot
      bind /sysroot.tmp/sysroot/ostree/deploy/os/var on /sysroot.tmp/var
      make /sysroot.tmp/var slave
      make /sysroot.tmp/var shared
      write /run/ostree-booted (193 bytes)
      move /sysroot.tmp to /disk
      enter /disk
      remove directory /sysroot.tmp
      remount /disk/sysroot read-only
      "
    `);
  });

  test('as process 1 without an initramfs', () => {
    expect(steps({ sysroot: '/', isInit: true, legacyReadonly: true })).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /ostree/deploy/os/deploy/abc.0'
      print 'Found legacy sysroot.readonly flag, not configured in ostree/prepare-root.conf'
      print 'sysroot.readonly configuration value: 1 (fs writable: 1)'
      make / and all below private
      make directory /sysroot.tmp (0755)
      enter /ostree/deploy/os/deploy/abc.0
      print 'Using legacy ostree bind mount for /'
      bind /ostree/deploy/os/deploy/abc.0 on /sysroot.tmp
      bind /ostree/deploy/os/deploy/abc.0/etc on /sysroot.tmp/etc
      remount /sysroot.tmp/etc writable
      bind /sysroot.tmp/usr on /sysroot.tmp/usr
      remount /sysroot.tmp/usr read-only
      bind /ostree/deploy/os/var on /ostree/deploy/os/var
      remount /ostree/deploy/os/var writable
      bind /boot on /sysroot.tmp/boot
      bind /ostree/deploy/os/var on /sysroot.tmp/var
      make /sysroot.tmp/var slave
      make /sysroot.tmp/var shared
      make directory /sysroot.tmp/run (0755)
      mount tmpfs on /sysroot.tmp/run
      make directory /sysroot.tmp/run/ostree (0755)
      write /sysroot.tmp/run/ostree-booted (136 bytes)
      enter /sysroot.tmp
      make the working directory the root, with the old one at sysroot
      make /sysroot private
      remount /sysroot read-only
      execute /sbin/init
      "
    `);
  });
});

describe('with a composefs image', () => {
  const image = { hasComposefsImage: true, backingDevice: '/dev/block/8:3' };

  test('signed: /usr is not unlocked', () => {
    const config = {
      ...FACTS.config,
      composefs: 'yes',
      verity: true,
      signed: true,
      keyFile: '/etc/key',
      sysrootReadonly: true,
    } as const;
    expect(steps({ ...image, config, hotfix: true, imageDigest: new Uint8Array(32) })).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /sysroot/ostree/deploy/os/deploy/abc.0'
      print 'sysroot.readonly configuration value: 1 (fs writable: 1)'
      make directory /run/ostree (0755)
      make directory /run/ostree/.private (0000)
      make / and all below private
      make directory /sysroot.tmp (0755)
      enter /sysroot/ostree/deploy/os/deploy/abc.0
      make directory /run/ostree/.private/cfsroot-lower (0700)
      mount image /sysroot/ostree/deploy/os/deploy/abc.0/.ostree.cfs on /run/ostree/.private/cfsroot-lower with the signed digest
      mount composefs on /sysroot.tmp (metacopy=on,redirect_dir=on,verity=require,lowerdir+=/run/ostree/.private/cfsroot-lower,datadir+=/sysroot/ostree/repo/objects) read-only
      unmount /run/ostree/.private/cfsroot-lower
      print 'composefs: mounted successfully (verity=true)'
      make directory /run/systemd (0755)
      link /run/systemd/volatile-root to /dev/block/8:3
      bind /sysroot/ostree/deploy/os/deploy/abc.0/etc on /sysroot.tmp/etc
      remount /sysroot.tmp/etc writable
      bind /sysroot on /sysroot.tmp/sysroot
      unmount /sysroot
      enter /sysroot.tmp/sysroot/ostree/deploy/os/deploy/abc.0
      bind /sysroot.tmp/sysroot/ostree/deploy/os/var on /sysroot.tmp/sysroot/ostree/deploy/os/var
      remount /sysroot.tmp/sysroot/ostree/deploy/os/var writable
      write /run/ostree-booted (235 bytes)
      move /sysroot.tmp to /sysroot
      enter /sysroot
      remove directory /sysroot.tmp
      remount /sysroot/sysroot read-only
      "
    `);
  });

  test('the root and /etc in memory', () => {
    const config = { ...FACTS.config, composefs: 'maybe', rootTransient: 'yes', etcTransient: true } as const;
    expect(steps({ ...image, config, hotfix: true })).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /sysroot/ostree/deploy/os/deploy/abc.0'
      print 'sysroot.readonly configuration value: 0 (fs writable: 1)'
      print 'root.transient: 1 (ro: 0)'
      make directory /run/ostree (0755)
      make directory /run/ostree/.private (0000)
      make / and all below private
      make directory /sysroot.tmp (0755)
      enter /sysroot/ostree/deploy/os/deploy/abc.0
      make directory /run/ostree/.private/cfsroot-lower (0700)
      make directory /run/ostree/.private/root (0755)
      make directory /run/ostree/.private/root/upper (0755)
      make directory /run/ostree/.private/root/work (0700)
      mount image /sysroot/ostree/deploy/os/deploy/abc.0/.ostree.cfs on /run/ostree/.private/cfsroot-lower
      mount composefs on /sysroot.tmp (metacopy=on,redirect_dir=on,lowerdir+=/run/ostree/.private/cfsroot-lower,datadir+=/sysroot/ostree/repo/objects,upperdir=/run/ostree/.private/root/upper,workdir=/run/ostree/.private/root/work)
      unmount /run/ostree/.private/cfsroot-lower
      print 'composefs: mounted successfully (verity=false)'
      make directory /run/systemd (0755)
      link /run/systemd/volatile-root to /dev/block/8:3
      make directory /run/ostree/transient-etc.abcdef (0700)
      make directory /run/ostree/transient-etc.abcdef/upper (0755)
      make directory /run/ostree/transient-etc.abcdef/work (0755)
      mount overlay on /sysroot.tmp/etc (lowerdir=/sysroot.tmp/usr/etc,upperdir=/run/ostree/transient-etc.abcdef/upper,workdir=/run/ostree/transient-etc.abcdef/work)
      mount overlay on /sysroot.tmp/usr (lowerdir=/sysroot.tmp/usr,upperdir=.usr-ovl-upper,workdir=.usr-ovl-work)
      bind /sysroot on /sysroot.tmp/sysroot
      unmount /sysroot
      enter /sysroot.tmp/sysroot/ostree/deploy/os/deploy/abc.0
      write /run/ostree-booted (251 bytes)
      move /sysroot.tmp to /sysroot
      enter /sysroot
      remove directory /sysroot.tmp
      "
    `);
  });

  test('as process 1, which mounts /proc and /run', () => {
    const config = { ...FACTS.config, composefs: 'yes', rootTransient: 'readonly' } as const;
    const init = { sysroot: '/', isInit: true, ownProc: true };
    expect(steps({ ...image, ...init, config, backingDevice: null })).toMatchInlineSnapshot(`
      "
      print 'Resolved OSTree target to: /ostree/deploy/os/deploy/abc.0'
      print 'sysroot.readonly configuration value: 0 (fs writable: 1)'
      print 'root.transient: 1 (ro: 1)'
      make / and all below private
      make directory /run (0755)
      mount tmpfs on /run
      make directory /run/ostree (0755)
      make directory /run/ostree/.private (0000)
      make directory /sysroot.tmp (0755)
      enter /ostree/deploy/os/deploy/abc.0
      make directory /run/ostree/.private/cfsroot-lower (0700)
      make directory /run/ostree/.private/root (0755)
      make directory /run/ostree/.private/root/upper (0755)
      make directory /run/ostree/.private/root/work (0700)
      mount image /ostree/deploy/os/deploy/abc.0/.ostree.cfs on /run/ostree/.private/cfsroot-lower
      mount composefs on /sysroot.tmp (metacopy=on,redirect_dir=on,lowerdir+=/run/ostree/.private/cfsroot-lower,datadir+=/ostree/repo/objects,upperdir=/run/ostree/.private/root/upper,workdir=/run/ostree/.private/root/work) read-only
      unmount /run/ostree/.private/cfsroot-lower
      print 'composefs: mounted successfully (verity=false)'
      bind /ostree/deploy/os/deploy/abc.0/etc on /sysroot.tmp/etc
      remount /sysroot.tmp/etc writable
      bind /boot on /sysroot.tmp/boot
      bind /ostree/deploy/os/var on /sysroot.tmp/var
      make /sysroot.tmp/var slave
      make /sysroot.tmp/var shared
      write /run/ostree-booted (194 bytes)
      move /run to /sysroot.tmp/run
      unmount /proc
      enter /sysroot.tmp
      make the working directory the root, with the old one at sysroot
      make /sysroot private
      execute /sbin/init
      "
    `);
  });
});

describe('surprises are explained in the journal', () => {
  test.for([
    [{ legacyReadonly: true }, 'Found legacy sysroot.readonly flag'],
    [
      { config: { ...FACTS.config, etcTransient: true } },
      'etc.transient has no effect without sysroot.readonly',
    ],
    [{ config: { ...FACTS.config, composefs: 'maybe' } }, 'composefs: No image present'],
  ] as const)('%j', ([facts, line]) => {
    expect(steps(facts)).toContain(line);
  });
});

describe('refused', () => {
  test.for([
    [{ config: { ...FACTS.config, composefs: 'yes' } }, 'failed to mount: No such file or directory'],
    [{ config: { ...FACTS.config, rootTransient: 'yes' } }, 'Must enable composefs with root.transient'],
    [
      { config: { ...FACTS.config, rootTransient: 'readonly', composefs: 'maybe' } },
      'Must enable composefs with root.transient',
    ],
    [{ isRunning: true }, 'is the root already'],
    [{ sysroot: '/' }, 'only process 1'],
  ] as const)('%j', ([facts, message]) => {
    expect(() => steps(facts)).toThrow(message);
  });
});
