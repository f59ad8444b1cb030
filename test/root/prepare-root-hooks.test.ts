/** The dracut module and the mkinitcpio hooks, run by a plain POSIX shell with stand-ins for the generators' functions. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeMounts } from './prepare-root-cases.ts';
import { PROJECT, runInScratch, type ProgramResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const DRACUT = `${PROJECT}/dracut-module/50ostree`;
const MKINITCPIO = `${PROJECT}/mkinitcpio-hook`;

/** The last lines of what a script prints, run as the generators of the initramfs run it. */
function shell(script: string): string[] {
  const done = spawnSync('/bin/sh', ['-euc', script], { encoding: 'utf8' });
  expect(done).toMatchObject({ status: 0, stderr: '' });
  return done.stdout.trim().split('\n');
}

/** Prints each call of these functions. */
function tracing(...names: string[]): string {
  return names.map((name) => `${name}() { echo "${name} $*"; }`).join('\n');
}

describe('the dracut module', () => {
  const functions = tracing('inst_binary', 'inst_simple', 'inst_hook', 'instmods', 'ln', 'mkdir');
  const variables = `moddir=${DRACUT} initdir=/image systemdsystemunitdir=/usr/lib/systemd/system`;
  const module = (then: string): string[] =>
    shell(`${functions}\n${variables}\n. ${DRACUT}/module-setup.sh\n${then}`);

  test('is there where it is asked for', () => {
    expect(
      module('check && rc=0 || rc=$?; echo $rc; dracutsysrootdir=/nonexistent; check || echo no'),
    ).toEqual(['255', 'no']);
    expect(module('depends; installkernel')).toEqual(['base', 'instmods overlay']);
  });

  test('with systemd: the unit, wanted by initrd-root-fs.target', () => {
    expect(module('dracut_module_included() { [ "$1" = systemd ]; }; install')).toEqual([
      'inst_binary /usr/lib/ostree/ostree-prepare-root',
      'inst_simple /usr/lib/systemd/system/ostree-prepare-root.service',
      'mkdir -p /image/usr/lib/systemd/system/initrd-root-fs.target.wants',
      'ln -sf ../ostree-prepare-root.service /image/usr/lib/systemd/system/initrd-root-fs.target.wants/ostree-prepare-root.service',
    ]);
  });

  test('without systemd: a hook before the root is switched', () => {
    expect(module('dracut_module_included() { false; }; install')).toEqual([
      'inst_binary /usr/lib/ostree/ostree-prepare-root',
      `inst_hook pre-pivot 50 ${DRACUT}/prepare-root.sh`,
    ]);
  });

  test('the hook prepares $NEWROOT, and stops the boot where that fails', () => {
    const hook = `getarg() { grep -q -- " $1" /proc/cmdline; }; die() { echo "died: $1"; exit 1; }
      NEWROOT=/sysroot; . ${DRACUT}/prepare-root.sh`;
    expect(inInitramfs(hook, `quiet ${OSTREE_ARGUMENT}`)).toMatchObject({ status: 0, prepared: true });
    expect(inInitramfs(hook, 'quiet')).toMatchObject({ status: 0, prepared: false });
    expect(inInitramfs(hook, 'quiet ostree=/nonexistent')).toMatchObject({
      status: 1,
      stdout: 'died: ostree-prepare-root failed\n',
    });
  });
});

describe('the mkinitcpio hooks', () => {
  const functions = tracing('add_module', 'add_binary', 'add_file', 'add_symlink', 'add_runscript');
  const build = (buildroot: string): string[] =>
    shell(`${functions}\nBUILDROOT=${buildroot}\n. ${MKINITCPIO}/install/ostree\nbuild`);

  test('the image with systemd', () => {
    expect(build('/')).toEqual([
      'add_module overlay',
      'add_binary /usr/lib/ostree/ostree-prepare-root',
      'add_file /usr/lib/systemd/system/ostree-prepare-root.service',
      'add_symlink /usr/lib/systemd/system/initrd-root-fs.target.wants/ostree-prepare-root.service ../ostree-prepare-root.service',
    ]);
  });

  test('the image with busybox', () => {
    expect(build('/nonexistent').at(-1)).toBe('add_runscript');
    expect(shell(`. ${MKINITCPIO}/install/ostree; help`).join(' ')).toContain(
      "'ostree=' on the kernel command line",
    );
  });

  test('the hook prepares /new_root, and gives a shell where that fails', () => {
    const hook = `launch_interactive_shell() { echo shell; }; . ${MKINITCPIO}/hooks/ostree; run_latehook`;
    const at = '/new_root';
    expect(inInitramfs(hook, OSTREE_ARGUMENT, at)).toMatchObject({ status: 0, prepared: true });
    expect(inInitramfs(hook, 'quiet', at)).toMatchObject({ status: 0, prepared: false, stdout: '' });
    expect(inInitramfs(hook, 'ostree=/nonexistent', at).stdout).toMatch(/\nshell\n$/);
  });
});

/** Runs a script in the scratch initramfs with the C ostree-prepare-root of this machine, which takes the same arguments. */
function inInitramfs(
  script: string,
  cmdline: string,
  mountPoint = '/sysroot',
): ProgramResult & { prepared: boolean } {
  const sysroot = makeSyntheticSysroot();
  try {
    const result = runInScratch({ sysroot, cmdline, mountPoint, runs: [['/bin/sh', '-c', script]] });
    const mounts = describeMounts(result.mountinfo, mountPoint, sysroot);
    const run = result.runs[0] ?? { status: null, stdout: '', stderr: '' };
    return { ...run, prepared: mounts.includes(`${mountPoint}/sysroot / rw private`) };
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

describe('the units', () => {
  test.for(['ostree-prepare-root.service', 'ostree-remount.service'])(
    '%s is one that systemd accepts',
    (name) => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'units-'));
      try {
        // In the initramfs it comes from root=; on this machine there is none.
        fs.writeFileSync(`${folder}/sysroot.mount`, '[Mount]\nWhat=/dev/vda\nWhere=/sysroot\n');
        const done = spawnSync(
          'systemd-analyze',
          ['verify', '--man=no', `${PROJECT}/prepare-root/units/${name}`],
          {
            encoding: 'utf8',
            env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
          },
        );
        expect(done.error).toBeUndefined();
        expect(done.stderr.split('\n').filter((line) => line.includes(name))).toEqual([]);
      } finally {
        fs.rmSync(folder, { recursive: true });
      }
    },
  );
});
