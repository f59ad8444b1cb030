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
    rootTransient: false,
    composefs: 'no',
    mountVar: false,
    fallback: false,
  },
  legacyReadonly: false,
  writable: true,
  hotfix: false,
  hasComposefsImage: false,
  mountVarMarker: false,
  isInit: false,
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
      bind /ostree/deploy/os/var on /sysroot.tmp/var
      make /sysroot.tmp/var slave
      make /sysroot.tmp/var shared
      enter /sysroot.tmp
      make the working directory the root, with the old one at sysroot
      make /sysroot private
      remount /sysroot read-only
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
    [{ config: { ...FACTS.config, composefs: 'maybe' }, hasComposefsImage: true }, 'the image is not used'],
  ] as const)('%j', ([facts, line]) => {
    expect(steps(facts)).toContain(line);
  });
});

describe('refused', () => {
  test.for([
    [{ config: { ...FACTS.config, composefs: 'verity' } }, 'composefs.enabled=verity: this version cannot'],
    [{ config: { ...FACTS.config, rootTransient: true } }, 'Must enable composefs with root.transient'],
    [{ isRunning: true }, 'is the root already'],
    [{ sysroot: '/' }, 'only process 1'],
  ] as const)('%j', ([facts, message]) => {
    expect(() => steps(facts)).toThrow(message);
  });
});
