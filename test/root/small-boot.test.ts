/** A /boot of its own on which old and new kernels do not fit side by side. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { board } from './board-program.ts';
import { MERGED_USR, onBootedMachine, OURS } from './booted-machine.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  theirAdmin,
  type Output,
} from './sysroot-fixture.ts';

const MEGABYTE = 2 ** 20;
/** Of each kernel, one of which is larger than /boot. */
const SIZES = { one: 4, two: 4, three: 4, large: 12 } as const;
type Version = keyof typeof SIZES;

let scratch: string;
let sysroot: string;
let commits: Readonly<Record<string, string>>;
beforeEach(async () => {
  scratch = makeScratch();
  sysroot = path.join(scratch, 'sysroot');
  fs.mkdirSync(sysroot);
  await ourAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  await ourAdmin(sysroot, ['stateroot-init', 'testos']);
  const repo = `${sysroot}/ostree/repo`;
  run('/usr/bin/ostree', ['config', `--repo=${repo}`, 'set', 'sysroot.bootloader', 'none']);
  commits = Object.fromEntries(
    Object.entries(SIZES).map(([version, size]) => [
      version,
      commitTree(repo, `os/${version}`, {
        version,
        kernel: version.padEnd(size * MEGABYTE, '.'),
        files: MERGED_USR,
      }),
    ]),
  );
  const image = path.join(scratch, 'boot.img');
  run('truncate', ['-s', '12M', image]);
  run('mkfs.ext4', ['-q', '-m', '0', '-O', '^has_journal', image]);
  run('mount', ['-o', 'loop', image, `${sysroot}/boot`]);
  await deploy('one');
  await deploy('two');
});
afterEach(() => {
  run('umount', [`${sysroot}/boot`]);
  removeScratch(scratch);
});

const deploy = (version: Version, env = {}): Promise<string> =>
  ourAdmin(sysroot, ['deploy', '--os=testos', '--karg=root=LABEL=x', `os/${version}`], env);

/** The versions in the menu, as both programs see them. */
function versions(): string[] {
  const list = (text: string): string[] =>
    (text.match(/[0-9a-f]{64}(?=\.\d)/g) ?? []).map(
      (checksum) => Object.entries(commits).find(([, one]) => one === checksum)?.[0] ?? '',
    );
  const ours = list(board('x86-64', sysroot, ['status']).stdout);
  expect(list(theirAdmin(sysroot, ['status']))).toEqual(ours);
  expect(board('x86-64', sysroot, ['fsck-boot'])).toMatchObject({ status: 0, stdout: '' });
  return ours;
}

const kernels = (): number => fs.readdirSync(`${sysroot}/boot/ostree`).length;
const TWO_STEPS = 'Insufficient space left in bootfs; updating bootloader in two steps\n';

test('a third kernel comes where that of the deployment was that goes', async () => {
  expect(versions()).toEqual(['two', 'one']);
  expect(await deploy('three')).toContain(TWO_STEPS);
  expect(versions()).toEqual(['three', 'two']);
  expect(kernels()).toBe(2);
});

test('not where somebody wants none of that, nor where all are kept', async () => {
  await expect(deploy('three', { OSTREE_SYSROOT_OPTS: 'no-early-prune' })).rejects.toMatchObject({
    code: 'NO_BOOT_SPACE',
  });
  await expect(ourAdmin(sysroot, ['deploy', '--os=testos', '--retain', 'os/three'])).rejects.toMatchObject({
    code: 'NO_BOOT_SPACE',
  });
  expect(versions()).toEqual(['two', 'one']);
  expect(kernels()).toBe(2);
});

test('where it does not fit then either, nothing goes, and the numbers are told', async () => {
  await expect(deploy('large')).rejects.toMatchObject({
    code: 'NO_BOOT_SPACE',
    message: expect.stringMatching(
      /\/boot has \d\.\d MB free and \d\.\d MB without the deployments that go, the new kernel files need 12\.\d MB, and 1\.0 MB are kept free$/,
    ) as string,
  });
  expect(versions()).toEqual(['two', 'one']);
});

test('a deploy that fails leaves nothing of the new deployment', async () => {
  const trees = (): string[] => fs.readdirSync(`${sysroot}/ostree/deploy/testos/deploy`).sort();
  const before = trees();
  await expect(deploy('large')).rejects.toMatchObject({ code: 'NO_BOOT_SPACE' });
  expect(trees()).toEqual(before);
  expect(before).toHaveLength(4);
  const refused = onBootedMachine(
    sysroot,
    `ostree/deploy/testos/deploy/${commits['two'] ?? ''}.0`,
    `${OURS} admin deploy --stage --os=testos os/large`,
  );
  expect(refused.status).not.toBe(0);
  expect(trees()).toEqual(before);
  expect(versions()).toEqual(['two', 'one']);
});

test('a /boot that is full, or read-only, is one error; the list stays', async () => {
  const filler = `${sysroot}/boot/filler`;
  spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k']);
  expect(board('x86-64', sysroot, ['set-default', '1'])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /^error: writing boot entries: \S+\/boot is full: .*\nhint: .*\n$/,
    ) as string,
  });
  expect(board('x86-64', sysroot, ['cleanup'])).toMatchObject({ status: 0, stderr: '' });
  expect(versions()).toEqual(['two', 'one']);
  fs.rmSync(filler);
  run('mount', ['-o', 'remount,ro', `${sysroot}/boot`]);
  await expect(ourAdmin(sysroot, ['set-default', '1'])).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringMatching(/\/boot is mounted read-only$/) as string,
  });
  run('mount', ['-o', 'remount,rw', `${sysroot}/boot`]);
  expect(board('x86-64', sysroot, ['set-default', '1']).status).toBe(0);
  expect(versions()).toEqual(['one', 'two']);
});

test('a staged deployment: the kernel of what goes stays until shutdown', () => {
  const machine = (script: string): string => {
    const directory = `ostree/deploy/testos/deploy/${commits['two'] ?? ''}.0`;
    const done = onBootedMachine(sysroot, directory, script);
    expect(done).toMatchObject({ status: 0, stderr: '' });
    return done.stdout;
  };
  const stage = `${OURS} admin deploy --stage --os=testos`;
  const said = machine(
    `${stage} os/three; ls /boot/ostree | wc -l; /tmp/yum-ostree-boot finalize-staged; ls /boot/ostree | wc -l`,
  );
  expect(said.match(/^\d+$/gm)).toEqual(['2', '2']);
  expect(said).toContain(TWO_STEPS);
  expect(versions()).toEqual(['three', 'two']);
  const refused = onBootedMachine(
    sysroot,
    `ostree/deploy/testos/deploy/${commits['two'] ?? ''}.0`,
    `${stage} os/large`,
  );
  expect(refused.stderr).toMatch(
    / \/boot has \d\.\d MB free.*, the new kernel files need 12\.\d MB, and 1\.0 MB are kept free/,
  );
});

test('what fails at shutdown because /boot is full is told after the next boot, once', () => {
  const machine = (script: string): Output =>
    onBootedMachine(sysroot, `ostree/deploy/testos/deploy/${commits['two'] ?? ''}.0`, script);
  const failing = machine(
    `${OURS} admin deploy --stage --os=testos os/three
     dd if=/dev/zero of=/boot/full bs=1k 2> /dev/null || :
     /tmp/yum-ostree-boot finalize-staged`,
  );
  expect(failing).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('finalizing the staged deployment') as string,
  });
  const left = (): string[] =>
    fs.globSync(['boot/ostree/{,.}*.stamp{,.tmp}', 'ostree/*.stamp'], { cwd: sysroot });
  expect(left()).toEqual(['ostree/finalize-failure.stamp']);
  const told = machine('/tmp/yum-ostree-boot boot-complete');
  expect(told.status).toBe(1);
  expect(told.stderr).toContain('error: ostree-finalize-staged.service failed on previous boot: ');
  expect(left()).toEqual([]);
  expect(machine('/tmp/yum-ostree-boot boot-complete')).toMatchObject({ status: 0, stderr: '' });
});
