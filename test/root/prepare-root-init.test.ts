/** Our prepare-root as process 1 of a machine without initramfs, in a PID namespace. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { makeComposefsSysroot, removeSysroot } from './composefs-sysroot.ts';
import { describeMounts } from './prepare-root-cases.ts';
import { PROJECT } from './scratch-initramfs.ts';
import { copyWithLibraries, DEPLOYMENT, makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const INIT =
  '#!/bin/sh\necho "init is process $$"\n/bin/mount -t proc proc /proc\ncat /proc/self/mountinfo\n';

/** The physical root is `/` and has, besides the deployment, what Node needs to run. */
function bootWithoutInitramfs(
  sysroot: string,
  { withProc = true, argument = OSTREE_ARGUMENT }: { withProc?: boolean; argument?: string } = {},
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
    if ${withProc}; then
      mount -t proc proc proc
      echo 'root=x ${argument}' > cmd/cmdline
      mount --bind cmd/cmdline proc/cmdline
    fi
    exec chroot . /node /cmd/ostree-prepare-root splash`;
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

test('the kernel mounts no /proc: the command line is read all the same', () => {
  const sysroot = makeSyntheticSysroot();
  try {
    // That of the machine that runs the tests.
    expect(bootWithoutInitramfs(sysroot, { withProc: false }).stderr).toContain('No ostree target found');
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
