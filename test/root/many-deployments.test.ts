/** Sixty deployments in one sysroot: the list, the menu and /boot, beside the C program. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { board } from './board-program.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch, run, theirAdmin } from './sysroot-fixture.ts';

const COUNT = 60;
/** Trees in a row with one kernel. */
const WITH_ONE_KERNEL = 6;
const KERNELS = COUNT / WITH_ONE_KERNEL;

let scratch: string;
let sysroot: string;
/** The newest first, as in the menu. */
let commits: readonly string[];
beforeAll(async () => {
  // Many syncs: in memory, where there is such a file system.
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  sysroot = path.join(scratch, 'sysroot');
  fs.mkdirSync(sysroot);
  await ourAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  await ourAdmin(sysroot, ['stateroot-init', 'testos']);
  const repo = `${sysroot}/ostree/repo`;
  configure('grub2');
  fs.mkdirSync(`${sysroot}/boot/grub`);
  fs.symlinkSync('../loader/grub.cfg', `${sysroot}/boot/grub/grub.cfg`);
  const made: string[] = [];
  for (let version = 1; version <= COUNT; version++) {
    const kernel = `kernel ${Math.ceil(version / WITH_ONE_KERNEL)}`;
    made.unshift(commitTree(repo, 'many', { kernel, version: String(version) }));
    await ourAdmin(sysroot, ['deploy', '--retain', '--os=testos', '--karg=root=LABEL=x', 'many']);
  }
  commits = made;
});
afterAll(() => {
  removeScratch(scratch);
});

function configure(bootloader: string): void {
  const repo = `--repo=${sysroot}/ostree/repo`;
  run('/usr/bin/ostree', ['config', repo, 'set', 'sysroot.bootloader', bootloader]);
}

function boardOk(args: readonly string[]): string {
  const done = board('x86-64', sysroot, args);
  expect(done).toMatchObject({ status: 0, stderr: '' });
  return done.stdout;
}

const inStatus = (text: string): string[] => text.match(/[0-9a-f]{64}(?=\.0)/g) ?? [];

/** The trees' versions, as the titles of the menu have them. */
function menu(): string[] {
  const text = fs.readFileSync(`${sysroot}/boot/grub/grub.cfg`, 'utf8');
  return [...text.matchAll(/^menuentry 'Test OS 1 ?(\d*) \(ostree:(\d+)\)'/gm)].map(
    ([, version, place]) => `${place} ${version}`,
  );
}

/** What is in /boot and among the boot links, by the number of names. */
function counts() {
  const names = (folder: string): string[] => fs.readdirSync(path.join(sysroot, folder));
  const links = fs.globSync(`${sysroot}/ostree/boot.[01].[01]/testos/*/*`);
  return {
    kernels: names('boot/ostree').length,
    entries: names('boot/loader/entries').length,
    sides: names('boot').filter((name) => name.startsWith('loader.')).length,
    links: links.length,
    refs: fs.globSync(`${sysroot}/ostree/repo/refs/heads/ostree/*/*/*`).length,
    farms: names('ostree/deploy/testos/deploy').filter((name) => !name.endsWith('.origin')).length,
  };
}

const all = (deployments: number, kernels: number): ReturnType<typeof counts> => ({
  kernels,
  ...{ entries: deployments, sides: 1, links: deployments, refs: deployments, farms: deployments },
});

test('every program lists all of them, the newest first', async () => {
  expect(inStatus(await ourAdmin(sysroot, ['status']))).toEqual(commits);
  expect(inStatus(theirAdmin(sysroot, ['status']))).toEqual(commits);
  expect(inStatus(boardOk(['status']))).toEqual(commits);
});

test('the menu has them in that order, and GRUB takes it', () => {
  const versions = Array.from({ length: COUNT }, (_, place) => `${place} ${COUNT - place}`);
  // The name of the system has the 1 in it already.
  expect(menu()).toEqual(versions.map((line) => (line === '59 1' ? '59 ' : line)));
  run('grub-script-check', [`${sysroot}/boot/grub/grub.cfg`]);
});

test('/boot has each kernel once, and one menu', () => {
  expect(counts()).toEqual(all(COUNT, KERNELS));
  expect(boardOk(['fsck-boot'])).toBe('');
});

test('the same with another default, with one less, and after a deploy that keeps two', async () => {
  const pattern = commits;
  boardOk(['set-default', '40']);
  const chosen = [pattern[40], ...pattern.filter((_, place) => place !== 40)];
  expect(inStatus(theirAdmin(sysroot, ['status']))).toEqual(chosen);
  expect(counts()).toEqual(all(COUNT, KERNELS));
  await ourAdmin(sysroot, ['undeploy', '7']);
  expect(inStatus(theirAdmin(sysroot, ['status']))).toEqual(chosen.filter((_, place) => place !== 7));
  expect(counts()).toEqual(all(COUNT - 1, KERNELS));
  // The C program goes on from there, with its own file names.
  configure('none');
  theirAdmin(sysroot, ['undeploy', '7'], { OSTREE_SYSROOT_OPTS: 'bootloader-naming-1' });
  configure('grub2');
  expect(inStatus(boardOk(['status']))).toHaveLength(COUNT - 2);
  expect(counts()).toEqual(all(COUNT - 2, KERNELS));
  await ourAdmin(sysroot, ['deploy', '--os=testos', 'many']);
  // What /etc came from, and the new one: the first commit has a second deployment.
  expect(counts()).toEqual(all(2, 2));
  expect(menu()).toEqual(['0 60', '1 20']);
});
