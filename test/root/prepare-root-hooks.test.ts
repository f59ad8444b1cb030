/** The scripts that call ostree-prepare-root in an initramfs without systemd, run in a scratch initramfs; and the units. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeMounts } from './prepare-root-cases.ts';
import { PROJECT, runInScratch, type ProgramResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const DRACUT = `${PROJECT}/dracut-module/50ostree`;
const LOCAL_BOTTOM = `${PROJECT}/initramfs-tools-hook/scripts/local-bottom/ostree`;

describe('dracut', () => {
  const functions = `getarg() { grep -q -- " $1" /proc/cmdline; }; die() { echo "died: $1"; exit 1; }`;

  test('the hook prepares $NEWROOT, and stops the boot where that fails', () => {
    const hook = `${functions}; NEWROOT=/sysroot; . ${DRACUT}/prepare-root.sh`;
    expect(inInitramfs(hook, `quiet ${OSTREE_ARGUMENT}`)).toMatchObject({ status: 0, prepared: true });
    expect(inInitramfs(hook, 'quiet')).toMatchObject({ status: 0, prepared: false });
    expect(inInitramfs(hook, 'quiet ostree=/nonexistent')).toMatchObject({
      status: 1,
      stdout: 'died: ostree-prepare-root failed\n',
    });
  });

  test('a physical root without proc, sys and dev is one, and only on a machine with OSTree', () => {
    const hook = `${functions}; usable_root() { [ -d "$1/proc" ]; }; . ${DRACUT}/usable-root.sh
      for root in /sysroot /; do if usable_root $root; then echo "$root yes"; else echo "$root no"; fi; done`;
    expect(inInitramfs(hook, `quiet ${OSTREE_ARGUMENT}`).stdout).toBe('/sysroot yes\n/ no\n');
    expect(inInitramfs(hook, 'quiet').stdout).toBe('/sysroot no\n/ yes\n');
  });
});

test('mkinitcpio: the hook prepares /new_root, and gives a shell where that fails', () => {
  const hook = `launch_interactive_shell() { echo shell; }; . ${PROJECT}/mkinitcpio-hook/hooks/ostree; run_latehook`;
  const at = '/new_root';
  expect(inInitramfs(hook, OSTREE_ARGUMENT, at)).toMatchObject({ status: 0, prepared: true });
  expect(inInitramfs(hook, 'quiet', at)).toMatchObject({ status: 0, prepared: false, stdout: '' });
  expect(inInitramfs(hook, 'ostree=/nonexistent', at).stdout).toMatch(/\nshell\n$/);
});

test('initramfs-tools: the script prepares $rootmnt, and gives a shell where that fails', () => {
  const script = `rootmnt=/physical-root ${LOCAL_BOTTOM}`;
  // Not /root, as in a real one: this checkout may be there.
  const at = '/physical-root';
  expect(inInitramfs(script, OSTREE_ARGUMENT, at)).toMatchObject({ status: 0, prepared: true });
  expect(inInitramfs(script, 'quiet', at)).toMatchObject({ status: 0, prepared: false, stdout: '' });
  expect(inInitramfs(script, 'ostree=/nonexistent', at).stdout).toMatch(
    /panic: The OSTree deployment cannot/,
  );
  expect(inInitramfs(`${LOCAL_BOTTOM} prereqs`, OSTREE_ARGUMENT, at)).toMatchObject({
    status: 0,
    prepared: false,
    stdout: '',
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
    const result = runInScratch({
      sysroot,
      cmdline,
      mountPoint,
      files: { '/scripts/functions': 'panic() { echo "panic: $1"; }\n' },
      runs: [['/bin/sh', '-c', script]],
    });
    const mounts = describeMounts(result.mountinfo, mountPoint, sysroot);
    const run = result.runs[0] ?? { status: null, stdout: '', stderr: '' };
    return { ...run, prepared: mounts.includes(`${mountPoint}/sysroot / rw private`) };
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

describe('the units', () => {
  const units = fs.readdirSync(`${PROJECT}/prepare-root/units`);

  test('are those that ostree has for the boot, less the state overlays, and ours after it', () => {
    expect(units.sort()).toEqual([
      'ostree-boot-complete.service',
      'ostree-finalize-staged-hold.service',
      'ostree-finalize-staged.service',
      'ostree-prepare-root.service',
      'ostree-remount.service',
      'yum-ostree-mark-good.service',
    ]);
  });

  test.for(units)('systemd accepts %s', (name) => {
    expect(complaintsAbout(name)).toEqual([]);
  });

  test('systemd does not accept anything', () => {
    expect(
      complaintsAbout('ostree-remount.service', (text) => text.replace('Type=oneshot', 'Type=never')),
    ).toEqual([expect.stringContaining('Failed to parse service type, ignoring: never')]);
  });
});

/** What `systemd-analyze verify` says of a unit where the programs that units call are installed. */
function complaintsAbout(name: string, changed = (text: string) => text): string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'units-'));
  try {
    for (const unit of fs.readdirSync(`${PROJECT}/prepare-root/units`)) {
      const text = fs.readFileSync(`${PROJECT}/prepare-root/units/${unit}`, 'utf8');
      // The board's program is not one of this machine.
      fs.writeFileSync(
        `${folder}/${unit}`,
        changed(text).replaceAll('/usr/bin/yum-ostree-boot', '/usr/bin/true'),
      );
    }
    // In the initramfs it comes from root=; on this machine there is none.
    fs.writeFileSync(`${folder}/sysroot.mount`, '[Mount]\nWhat=/dev/vda\nWhere=/sysroot\n');
    const done = spawnSync('systemd-analyze', ['verify', '--man=no', name], {
      encoding: 'utf8',
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
    });
    expect(done.error).toBeUndefined();
    return done.stderr.split('\n').filter((line) => line.includes(name));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
