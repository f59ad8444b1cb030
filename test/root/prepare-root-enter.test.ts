/** The whole way into a deployment: prepare-root, switch-root, generated mounts; and the programs of the real root. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootedRecord, type BootedFacts } from '#prepare-root/booted.ts';
import { enterDeployment } from './enter-deployment.ts';
import { newerOstree } from './newer-ostree.ts';
import { PROJECT, runInScratch, type ProgramResult } from './scratch-initramfs.ts';
import {
  copyWithLibraries,
  DEPLOYMENT,
  makeSyntheticSysroot,
  OSTREE_ARGUMENT,
  type SyntheticOptions,
} from './synthetic-sysroot.ts';

/** Programs and libraries of this machine that the deployment gets. */
const PROGRAMS = ['/bin/sh', '/bin/cat', '/usr/bin/findmnt', '/usr/bin/touch'];

describe.for([false, true])('in the deployment, with sysroot.readonly %s', (legacyReadonly) => {
  let sysroot = '';
  beforeAll(() => {
    sysroot = makeSyntheticSysroot({ legacyReadonly });
    PROGRAMS.forEach((program) => copyWithLibraries(program, sysroot + DEPLOYMENT));
  });
  afterAll(() => fs.rmSync(sysroot, { recursive: true }));

  const inside = (script: string): ProgramResult =>
    enterDeployment(sysroot, `root=x ${OSTREE_ARGUMENT}`, ['/bin/sh', '-c', script]);

  test('/usr is read-only, /etc and /var are not', () => {
    expect(inside('touch /usr/x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Read-only file system') as string,
    });
    expect(inside('touch /etc/x /var/x')).toMatchObject({ status: 0 });
  });

  test('the physical root is at /sysroot, read-only where it is to be', () => {
    expect(inside('cat /sysroot/ostree/repo/config && touch /sysroot/x').status).toBe(legacyReadonly ? 1 : 0);
  });

  test('/var is that of the stateroot and shared', () => {
    expect(inside('echo kept > /var/kept').status).toBe(0);
    expect(fs.readFileSync(`${sysroot}/ostree/deploy/os/var/kept`, 'utf8')).toBe('kept\n');
    expect(inside('findmnt -n -o PROPAGATION /var').stdout.trim()).toMatch(/^shared/);
  });

  test('/boot is that of the physical root', () => {
    expect(inside('cat /boot/loader/entry').status).toBe(1);
    fs.writeFileSync(`${sysroot}/boot/loader.1/entry`, 'title x\n');
    expect(inside('cat /boot/loader/entry').stdout).toBe('title x\n');
  });

  test('nothing stays mounted', () => {
    inside('true');
    expect(fs.readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(sysroot);
  });
});

test('a kernel argument that leads nowhere is told as prepare-root tells it', () => {
  const sysroot = makeSyntheticSysroot();
  try {
    expect(() => enterDeployment(sysroot, 'ostree=/ostree/boot.0/os/x/0', ['/bin/true'])).toThrow(
      "Couldn't find specified OSTree root '/sysroot//ostree/boot.0/os/x/0'",
    );
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
});

describe('ostree-system-generator beside the C one of this machine', () => {
  const C_GENERATOR = '/usr/lib/systemd/system-generators/ostree-system-generator';
  const OURS = `/node ${PROJECT}/test/root/boot-program.ts ostree-system-generator`;
  /** What is generated: links, and the texts without comments; then what is left in /run/ostree. */
  const SHOW = `find out -type l -printf '%P -> %l\\n' | sort
    find out -name '*.mount' -type f -printf '%p\\n' -exec grep -v '^#' {} ';'
    ls run/ostree`;

  interface Generation extends SyntheticOptions {
    readonly cmdline?: string;
    /** Of the system (default: this machine's). */
    readonly usr?: string;
  }

  function generated(program: string, before = 'true', options: Generation = {}): string {
    const { cmdline = OSTREE_ARGUMENT, usr = '/usr', ...shape } = options;
    const sysroot = makeSyntheticSysroot(shape);
    const script = `cd /; mkdir -p out early late run/ostree boot etc; ${before}; ${program} out early late && ${SHOW}`;
    try {
      const [run] = runInScratch({ sysroot, cmdline, usr, runs: [['/bin/sh', '-c', script]] }).runs;
      expect(run).toMatchObject({ status: 0, stderr: '' });
      return run?.stdout ?? '';
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  }

  test('var.mount, but for what 2022.7 did not say yet', () => {
    const theirs = varMountOf(generated(C_GENERATOR));
    const since2022 = varMountOf(generated(OURS))
      .filter((line) => line !== 'DefaultDependencies=no' && !line.startsWith('After='))
      .map((line) => line.replace('bind,slave,shared', 'bind'));
    expect(since2022).toEqual(theirs);
  });

  describe('and that of ostree 2026.4: the same units', () => {
    test.for<readonly [string, string, Generation]>([
      ['plain', 'true', {}],
      ['/var in fstab', "echo 'LABEL=data //var/ ext4 defaults 0 0' > etc/fstab", {}],
      ['no folder for /boot', 'rmdir boot', {}],
      ['/boot is a file system of its own', 'rm sysroot/boot/loader', {}],
      [
        'an Android slot',
        'ln -s sysroot/ostree ostree',
        { cmdline: 'ostree=true androidboot.slot_suffix=_b', androidSlot: 'b' },
      ],
      ['a system of another kind', 'true', { cmdline: 'root=x' }],
    ])('%s', ([, before, options]) => {
      const usr = `${newerOstree()}/usr`;
      expect(generated(OURS, before, { ...options, usr })).toBe(
        generated(C_GENERATOR, before, { ...options, usr }),
      );
    });
  });

  test('/var in fstab: no var.mount, from neither', () => {
    const withFstab = "echo 'LABEL=data //var/ ext4 defaults 0 0' > etc/fstab";
    expect(generated(C_GENERATOR, withFstab)).not.toContain('var.mount');
    expect(generated(OURS, withFstab)).not.toContain('var.mount');
  });

  test('a boot.mount that is there already stays and does not stop var.mount', () => {
    const text = generated(OURS, 'echo "# from fstab" > out/boot.mount; echo kept >> out/boot.mount');
    expect(text).toContain('out/boot.mount\nkept\n');
    expect(text).toContain('Where=/var');
  });

  test.for([C_GENERATOR, OURS])(
    'nothing but the removal of the marker where the initramfs bound /var: %s',
    (program) => {
      expect(generated(program, '> run/ostree/initramfs-mount-var')).toBe('');
    },
  );

  test('a kernel argument that names no stateroot', () => {
    const result = spawnGenerator('ostree=/foo');
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toContain('Parsing stateroot: ostree=/foo names none');
  });

  function spawnGenerator(cmdline: string): ProgramResult {
    const sysroot = makeSyntheticSysroot();
    const script = `mkdir -p /out /run/ostree; ${OURS} /out /out /out`;
    try {
      const [run] = runInScratch({ sysroot, cmdline, runs: [['/bin/sh', '-c', script]] }).runs;
      return run ?? { status: null, stdout: '', stderr: '' };
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  }

  function varMountOf(text: string): string[] {
    const units = text.split(/^(?=out\/)/m);
    const unit = units.find((one) => one.startsWith('out/var.mount\n')) ?? '';
    return unit.split('\n').filter((line) => line !== '');
  }
});

describe('ostree-remount beside the C one of this machine', () => {
  const C_REMOUNT = '/usr/lib/ostree/ostree-remount';
  const OURS = `/node ${PROJECT}/test/root/boot-program.ts ostree-remount`;
  /** As systemd leaves them where fstab says `ro`; with what is mounted below: the project may lie there. */
  const BIND_READONLY = 'for d in sysroot etc var; do mount --rbind $d $d; mount -o remount,bind,ro $d; done';
  const READONLY: BootedFacts = {
    device: 1,
    inode: 2,
    rootTransient: 'no',
    composefs: null,
    sysrootReadonly: true,
    transientEtc: null,
  };
  const BOOTED_READONLY = bootedRecord(READONLY);

  interface RemountSystem {
    readonly files?: Readonly<Record<string, string>>;
    /** Default: this machine's. */
    readonly usr?: string;
  }

  function remounted(
    program: string,
    booted: Uint8Array,
    { files = {}, usr = '/usr' }: RemountSystem = {},
  ): string {
    const sysroot = makeSyntheticSysroot();
    const octal = [...booted].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const script = `cd /; mkdir -p var; ${BIND_READONLY}; printf '${octal}' > /run/ostree-booted; ${program}
      for d in sysroot etc var; do findmnt -n -o TARGET,VFS-OPTIONS /$d | tail -1; done; stat -c %a /run/ostree-booted`;
    try {
      const [run] = runInScratch({
        ...{ sysroot, usr, cmdline: OSTREE_ARGUMENT },
        files: { '/mnt/.keep': '', '/usr/sbin/restorecon': '', ...files },
        runs: [['/bin/sh', '-c', script]],
      }).runs;
      expect(run).toMatchObject({ status: 0, stderr: '' });
      return run?.stdout ?? '';
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  }

  test('a writable /sysroot and /var, as it does', () => {
    const ours = remounted(OURS, new Uint8Array());
    expect(ours).toBe(remounted(C_REMOUNT, new Uint8Array()));
    expect(ours).toContain('Remounted rw: /var');
  });

  test.for<readonly [string, Partial<BootedFacts> | null]>([
    ['nothing on record', null],
    ['a writable sysroot', { sysrootReadonly: false }],
    ['sysroot.readonly', {}],
    ['composefs', { composefs: { verity: false, signedBy: null } }],
    ['etc.transient', { composefs: { verity: true, signedBy: '/etc/key' }, transientEtc: '/run/ostree/x' }],
    ['root.transient', { composefs: { verity: false, signedBy: null }, rootTransient: 'yes' }],
  ])('as that of ostree 2026.4: %s', ([, facts]) => {
    const record = facts === null ? new Uint8Array() : bootedRecord({ ...READONLY, ...facts });
    const system = { usr: `${newerOstree()}/usr` };
    // It looks for a policy also where SELinux is off, and says that there is none.
    expect(remounted(OURS, record, system)).toBe(remounted(`${C_REMOUNT} 2> /dev/null`, record, system));
  });

  test('a /sysroot that was configured read-only stays so (since 2023.6, /etc is then remounted)', () => {
    const ours = remounted(OURS, BOOTED_READONLY);
    expect(ours).toMatch(/^Remounted rw: \/etc\nRemounted rw: \/var\n\/sysroot +ro,/);
  });

  test('a root that is read-only stops it, unless it is a composefs', () => {
    const readonlyRoot = (composefs: BootedFacts['composefs']): string => {
      const record = bootedRecord({ ...READONLY, composefs });
      return remounted(
        `mount --rbind / /mnt; mount -o remount,bind,ro /mnt; chroot /mnt ${OURS}; true`,
        record,
      );
    };
    expect(readonlyRoot(null)).not.toContain('Remounted');
    expect(readonlyRoot({ verity: false, signedBy: null })).toContain(
      'Remounted rw: /etc\nRemounted rw: /var\n',
    );
  });

  describe('a transient /etc under SELinux', () => {
    const record = bootedRecord({ ...READONLY, transientEtc: '/run/etc' });
    const selinux = { '/sys/fs/selinux/enforce': '1' };
    const prepare = `mount -o remount,bind,rw /etc; mkdir -p /run/ostree /run/etc/upper/d; >'/run/etc/upper/d/f g'
      >/run/etc/upper/machine-id`;
    /** Prints its arguments and what it is to label. */
    const restorecon = `#!/bin/sh\necho "$@"; tr '\\0' '\\n' < "$5"; cat /etc/machine-id\n`;
    const withRestorecon = { ...selinux, '/usr/sbin/restorecon': restorecon };

    test('is labelled by the policy, with the machine-id that is below a mount', () => {
      const mounted =
        'echo below > /etc/machine-id; echo above > /run/id; mount --bind /run/id /etc/machine-id';
      const script = `${prepare}; ${mounted}; chmod +x /usr/sbin/restorecon; ${OURS}; cat /etc/machine-id`;
      expect(remounted(script, record, { files: withRestorecon })).toContain(
        '-F -i -0 -f /run/ostree/relabel-etc\n/etc\n/etc/d\n/etc/d/f g\n/etc/machine-id\nbelow\nabove\n',
      );
    });

    test('is labelled also where the paths are longer than a command line can be', () => {
      const many = `cd /run/etc/upper/d && seq -f %0250g 10000 | xargs touch && cd /`;
      const counting = { ...selinux, '/usr/sbin/restorecon': `#!/bin/sh\ntr '\\0' '\\n' < "$5" | wc -lc\n` };
      const script = `${prepare}; ${many}; chmod +x /usr/sbin/restorecon; ${OURS}`;
      const [, lines, bytes] = /^ *(\d+) +(\d+)$/m.exec(remounted(script, record, { files: counting })) ?? [];
      expect(lines).toBe('10004');
      expect(Number(bytes)).toBeGreaterThan(10_000 * 258);
    });

    test('without restorecon: a warning, and what was to be remounted is', () => {
      const text = remounted(`${prepare}; rm /usr/sbin/restorecon; ${OURS} 2>&1`, record, { files: selinux });
      expect(text).toMatch(
        /^Remounted rw: \/var\nostree-remount: warning: there is no \/usr\/sbin\/restorecon: /,
      );
    });

    test('is left alone where SELinux is off', () => {
      const off = { '/usr/sbin/restorecon': restorecon };
      expect(
        remounted(`${prepare}; chmod +x /usr/sbin/restorecon; ${OURS}`, record, { files: off }),
      ).not.toContain('-F');
    });
  });
});
