/** Our prepare-root as process 1 of a machine without initramfs, in a PID namespace. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { makeComposefsSysroot, removeSysroot } from './composefs-sysroot.ts';
import { describeMounts } from './prepare-root-cases.ts';
import { PROJECT } from './scratch-initramfs.ts';
import { buildStaticPrepareRoot } from './static-prepare-root.ts';
import { copyWithLibraries, DEPLOYMENT, makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const INIT =
  '#!/bin/sh\necho "init is process $$"\n/bin/mount -t proc proc /proc\ncat /proc/self/mountinfo\n';

const OURS = '/node /cmd/ostree-prepare-root';
const C_PROGRAM = '/cmd/ostree-prepare-root-static';

let folder = '';
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'static-prepare-root-'));
  buildStaticPrepareRoot(folder);
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

interface InitOptions {
  readonly withProc?: boolean;
  /** Of the kernel command line. */
  readonly argument?: string;
  /** Inside the root. */
  readonly program?: string;
  /** The kernel has mounted the root read-only. */
  readonly readonlyRoot?: boolean;
}

/** The physical root is `/` and has, besides the deployment, what Node needs to run. */
function bootWithoutInitramfs(
  sysroot: string,
  { withProc = true, argument = OSTREE_ARGUMENT, program = OURS, readonlyRoot = false }: InitOptions = {},
): { status: number | null; stdout: string; stderr: string } {
  const script = `set -e
    cd ${sysroot}
    mount --bind . .
    cd ${sysroot}
    mkdir -p proc dev usr .${PROJECT} cmd
    ln -s usr/lib lib; ln -s usr/lib64 lib64; ln -s usr/bin bin
    mount --bind /usr usr
    mount --bind ${PROJECT} .${PROJECT}
    touch node; mount --bind ${process.execPath} node
    ln -s ${PROJECT}/cli/main.ts cmd/ostree-prepare-root
    cp ${folder}/ostree-prepare-root-static cmd
    if ${withProc}; then
      mount -t proc proc proc
      echo 'root=x ${argument}' > cmd/cmdline
      mount --bind cmd/cmdline proc/cmdline
    fi
    if ${readonlyRoot}; then mount -o remount,bind,ro .; fi
    exec chroot . ${program} splash`;
  return spawnSync(
    'unshare',
    ['--mount', '--propagation', 'private', '--pid', '--fork', '/bin/sh', '-c', script],
    { encoding: 'utf8', timeout: 60_000 },
  );
}

test.for([false, true])(
  'the deployment becomes the root and its init runs; readonly %s',
  (legacyReadonly) => {
    const sysroot = makeSyntheticSysroot({ legacyReadonly });
    try {
      putInit(sysroot + DEPLOYMENT);
      const done = bootWithoutInitramfs(sysroot);
      expect(done).toMatchObject({ status: 0, stderr: '' });
      const [said, mountinfo] = done.stdout.split('init is process 1\n');
      expect(said).toContain('Using legacy ostree bind mount for /\n');
      const mounts = describeMounts(mountinfo ?? '', '/', sysroot).filter((line) =>
        line.includes(' /ostree/'),
      );
      expect(mounts).toEqual(
        legacyReadonly
          ? [
              '/ /ostree/deploy/os/deploy/aaaa.0 rw private',
              '/etc /ostree/deploy/os/deploy/aaaa.0/etc rw private',
              '/sysroot/ostree/deploy/os/var /ostree/deploy/os/var rw private',
              '/usr /ostree/deploy/os/deploy/aaaa.0/usr ro private',
              '/var /ostree/deploy/os/var rw shared',
            ]
          : [
              '/ /ostree/deploy/os/deploy/aaaa.0 rw private',
              '/usr /ostree/deploy/os/deploy/aaaa.0/usr ro private',
              '/var /ostree/deploy/os/var rw shared',
            ],
      );
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  },
);

interface InitCase {
  readonly name: string;
  readonly legacyReadonly?: boolean;
  readonly hotfix?: boolean;
  readonly argument?: string;
  /** Changes the physical root first. */
  readonly alter?: (sysroot: string) => void;
}

const INIT_CASES: readonly InitCase[] = [
  { name: 'plain' },
  { name: 'sysroot.readonly', legacyReadonly: true },
  { name: 'hotfix', hotfix: true },
  { name: 'hotfix, sysroot.readonly', hotfix: true, legacyReadonly: true },
  { name: 'the first of two targets', argument: `${OSTREE_ARGUMENT} ostree=/nonexistent` },
  { name: 'no /sysroot.tmp yet', alter: (sysroot) => fs.rmdirSync(`${sysroot}/sysroot.tmp`) },
  { name: 'no link', argument: 'ostree=/ostree/boot.1/os/bbbb/7' },
  { name: 'no target', argument: 'quiet' },
  { name: 'a target that is no link', argument: `ostree=${DEPLOYMENT}` },
  {
    name: 'no init in the deployment',
    alter: (sysroot) => fs.unlinkSync(`${sysroot}${DEPLOYMENT}/sbin/init`),
  },
];

interface InitOutcome {
  readonly status: number | null;
  /** null where no init ran. */
  readonly mounts: readonly string[] | null;
  /** The first line. */
  readonly error: string;
}

/** What a start as process 1 ends in. */
function outcome({ alter, argument, ...options }: InitCase, program: string): InitOutcome {
  const sysroot = makeSyntheticSysroot(options);
  try {
    putInit(sysroot + DEPLOYMENT);
    ['run', 'sysroot.tmp'].forEach((name) => fs.mkdirSync(`${sysroot}/${name}`));
    alter?.(sysroot);
    const done = bootWithoutInitramfs(sysroot, { program, ...(argument === undefined ? {} : { argument }) });
    const [, mountinfo] = done.stdout.split('init is process 1\n');
    return {
      status: done.status,
      mounts: mountinfo === undefined ? null : describeMounts(mountinfo, '/', sysroot),
      error: done.stderr.split('\n')[0] ?? '',
    };
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

/** docs/prepare-root.md gives the reasons. */
function asOurs({ status, mounts, error }: InitOutcome, legacyReadonly: boolean): InitOutcome {
  const better = (line: string): string =>
    line
      .replace(/^\/var (.*) private/, '/var $1 shared')
      .replace('lowerdir=usr,', 'lowerdir=/sysroot.tmp/usr,')
      .replace(/^\/sysroot \/ rw /, legacyReadonly ? '/sysroot / ro ' : '$&');
  return {
    status,
    mounts: mounts === null ? null : [...mounts.map(better), '/run / rw,nosuid,nodev private'].sort(),
    error: error
      .replace('ostree-prepare-root-static:', 'ostree-prepare-root:')
      .replace('No OSTree target; expected ostree=/ostree/boot.N/...', 'No ostree target found')
      .replace('failed to exec init inside ostree:', 'Failed to execute /sbin/init:'),
  };
}

test.for(INIT_CASES.map((one) => [one.name, one] as const))(
  'as the static C program, but for what is better: %s',
  ([, one]) => {
    expect(outcome(one, OURS)).toEqual(asOurs(outcome(one, C_PROGRAM), one.legacyReadonly === true));
  },
);

describe('what the programs of the real root find', () => {
  /** @param script of the init */
  const found = (
    script: string,
    options: { readonly legacyReadonly?: boolean; readonly argument?: string },
  ): string => {
    const { argument, ...shape } = options;
    const sysroot = makeSyntheticSysroot(shape);
    try {
      putInit(sysroot + DEPLOYMENT);
      const init = `#!/bin/sh\n/bin/mount -t proc proc /proc; echo started\n${script}\n`;
      fs.writeFileSync(`${sysroot}${DEPLOYMENT}/sbin/init`, init, { mode: 0o755 });
      fs.copyFileSync(compactPrepareRoot(), `${sysroot}${DEPLOYMENT}/usr/bin/ostree-remount`);
      const done = bootWithoutInitramfs(sysroot, argument === undefined ? {} : { argument });
      expect(done.stdout, done.stderr).toContain('started\n');
      return done.stdout.slice(done.stdout.indexOf('started\n') + 'started\n'.length);
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  };

  test('ostree-remount keeps a /sysroot read-only that is to be', () => {
    const text = found('/usr/bin/ostree-remount; cat /proc/self/mountinfo', { legacyReadonly: true });
    expect(text).toMatch(/^[^\n]* \/sysroot ro,/m);
    expect(text).not.toContain('Remounted rw: /sysroot');
  });

  test('the record of a fallback', () => {
    const argument = 'ostree=/ostree/boot.1/os/bbbb/7 ostree.prepare-root.fallback=1';
    expect(found('cat /run/ostree/fallback', { argument })).toContain('taken=/ostree/boot.1/os/bbbb/0\n');
  });
});

describe('a root that is read-only', () => {
  const started = (hotfix: boolean): ReturnType<typeof bootWithoutInitramfs> => {
    const sysroot = makeSyntheticSysroot({ hotfix });
    try {
      putInit(sysroot + DEPLOYMENT);
      fs.mkdirSync(`${sysroot}/sysroot.tmp`);
      return bootWithoutInitramfs(sysroot, { readonlyRoot: true });
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  };

  test('is booted where /sysroot.tmp is there', () => {
    expect(started(false)).toMatchObject({ status: 0, stderr: '' });
  });

  test('cannot have a hotfix: the error says what to do', () => {
    const { status, stderr } = started(true);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ostree-prepare-root: Failed to mount overlay on \/sysroot\.tmp\/usr /);
    expect(stderr).toContain("hint: the layers must be on a writable file system: boot with 'rw'");
  });
});

test('the kernel mounts no /proc: the command line is read all the same', () => {
  const sysroot = makeSyntheticSysroot();
  try {
    // That of the machine that runs the tests.
    expect(bootWithoutInitramfs(sysroot, { withProc: false }).stderr).toContain('No ostree target found');
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
});

test('a physical root without /proc, as init-fs --modern makes it: the error says what to do', () => {
  const sysroot = makeSyntheticSysroot();
  try {
    fs.copyFileSync(compactPrepareRoot(), `${sysroot}/prepare-root`);
    const isolated = ['--mount', '--propagation', 'private', '--pid', '--fork', 'chroot', sysroot];
    const done = spawnSync('unshare', [...isolated, '/prepare-root'], { encoding: 'utf8' });
    expect(done).toMatchObject({ status: 1, stdout: '' });
    expect(done.stderr).toBe(`ostree-prepare-root: Failed to mount /proc: No such file or directory
hint: without an initramfs the physical root needs /proc: 'ostree admin init-fs' without --modern makes it
`);
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
});

/** What the init of the deployment needs. */
function putInit(root: string): void {
  ['/bin/sh', '/bin/cat', '/bin/mount'].forEach((program) => copyWithLibraries(program, root));
  fs.mkdirSync(`${root}/sbin`, { recursive: true });
  fs.writeFileSync(`${root}/sbin/init`, INIT, { mode: 0o755 });
}

describe('prepare-root.conf of the deployment', () => {
  const booted = (sysroot: string, argument?: string): string[] => {
    const done = bootWithoutInitramfs(sysroot, argument === undefined ? {} : { argument });
    expect(done).toMatchObject({ status: 0, stderr: '' });
    const [, mountinfo] = done.stdout.split('init is process 1\n');
    return describeMounts(mountinfo ?? '', '/', sysroot).filter(
      (line) => line.includes('/ostree/') || line.startsWith('/run '),
    );
  };

  test('etc.transient: /etc and /run are in memory', () => {
    const sysroot = makeSyntheticSysroot();
    try {
      putInit(sysroot + DEPLOYMENT);
      fs.mkdirSync(`${sysroot}${DEPLOYMENT}/usr/lib/ostree`, { recursive: true });
      const config = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n';
      fs.writeFileSync(`${sysroot}${DEPLOYMENT}/usr/lib/ostree/prepare-root.conf`, config);
      expect(booted(sysroot)).toEqual([
        '/ /ostree/deploy/os/deploy/aaaa.0 rw private',
        '/etc overlay(lowerdir=/sysroot.tmp/usr/etc,upperdir=/run/ostree/transient-etc.XXXXXX/upper,workdir=/run/ostree/transient-etc.XXXXXX/work) rw private',
        '/run / rw,nosuid,nodev private',
        '/sysroot/ostree/deploy/os/var /ostree/deploy/os/var rw private',
        '/usr /ostree/deploy/os/deploy/aaaa.0/usr ro private',
        '/var /ostree/deploy/os/var rw shared',
      ]);
    } finally {
      fs.rmSync(sysroot, { recursive: true });
    }
  });

  test('composefs and root.transient', () => {
    const sysroot = makeComposefsSysroot((tree) => {
      putInit(tree);
      fs.mkdirSync(`${tree}/usr/etc/ostree`, { recursive: true });
      fs.writeFileSync(`${tree}/usr/etc/ostree/prepare-root.conf`, '[root]\ntransient=true\n');
    });
    try {
      expect(booted(sysroot.path, sysroot.argument)).toEqual([
        '/ composefs(rw,lowerdir+=/run/ostree/.private/cfsroot-lower,datadir+=/ostree/repo/objects,upperdir=/run/ostree/.private/root/upper,workdir=/run/ostree/.private/root/work,redirect_dir=on,metacopy=on) rw private',
        `/etc ${sysroot.deployment}/etc rw private`,
        '/run / rw,nosuid,nodev private',
        '/sysroot/ostree/deploy/os/var /ostree/deploy/os/var rw private',
        '/var /ostree/deploy/os/var rw shared',
      ]);
    } finally {
      removeSysroot(sysroot);
    }
  });
});
