/** A deploy that dies before any of its system calls leaves wholly the old or wholly the new list. */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootNext } from '#bootloader/next-boot.ts';
import { loadSyscalls } from '#native/load.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { deployTree } from '#ostree/sysroot/deploy.ts';
import { deploymentName } from '#ostree/sysroot/deployment.ts';
import { refspecOrigin } from '#ostree/sysroot/origin.ts';
import { closeSysroot, openSysroot } from '#ostree/sysroot/sysroot.ts';
import { dyingAfter } from './dying-calls.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  theirAdmin,
  writeFile,
} from '../root/sysroot-fixture.ts';

let scratch: string;
beforeAll(() => {
  // Hundreds of syncs: in memory, where there is such a file system.
  scratch = makeScratch(existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
});
afterAll(() => {
  removeScratch(scratch);
});

/** Deploys `ref` as the verbs do, with whatever system calls it is given. */
function deploy(sys: RepoCalls, root: string, ref: string): void {
  const sysroot = openSysroot(sys, root);
  try {
    const checksum = resolveRev(sysroot.repo, ref);
    const merge = sysroot.deployments[0] ?? null;
    const fresh = deployTree(sysroot, { stateroot: 'testos', checksum, origin: refspecOrigin(ref), merge });
    bootNext(sysroot, { new: fresh, merge });
  } finally {
    closeSysroot(sysroot);
  }
}

function listOf(root: string): string[] {
  const sysroot = openSysroot(loadSyscalls(), root);
  try {
    return sysroot.deployments.map((one) => `${deploymentName(one)} ${one.kargs.join(' ')}`);
  } finally {
    closeSysroot(sysroot);
  }
}

async function prepare(name: string): Promise<string> {
  const root = path.join(scratch, name);
  mkdirSync(root);
  await ourAdmin(root, ['init-fs', '--modern', root]);
  await ourAdmin(root, ['stateroot-init', 'testos']);
  commitTree(`${root}/ostree/repo`, 'os/one', { version: '1' });
  commitTree(`${root}/ostree/repo`, 'os/same-kernel', { version: '1', files: { 'usr/bin/new': 'x' } });
  commitTree(`${root}/ostree/repo`, 'os/two', { version: '2', kernel: 'two' });
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one'], { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' });
  const first = (await ourAdmin(root, ['--print-current-dir'])).trim();
  writeFile(`${first}/etc/a.conf`, 'local');
  await ourAdmin(root, ['deploy', '--os=testos', 'os/one'], { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' });
  return root;
}

test.each([
  ['the entries are swapped', 'os/two', 'rename2 boot/loader.tmp boot/loader exchange', 'freezeThaw real'],
  ['only the links are swapped', 'os/same-kernel', 'rename ostree/.boot.0.tmp ostree/boot.0', 'syncfs'],
])('%s', async (name, ref, switching, syncing) => {
  const base = await prepare(name.replaceAll(' ', '-'));
  const before = listOf(base);
  const whole = path.join(scratch, 'whole');
  copy(base, whole);
  const complete = dyingAfter(Infinity);
  deploy(complete.sys, whole, ref);
  const after = listOf(whole);
  expect(after).not.toEqual(before);
  expect(complete.calls).toContain(switching);
  expectSyncsAround(complete.calls, switching, syncing);
  const point = complete.calls.indexOf(switching);
  for (let limit = 0; limit < complete.calls.length; limit++) {
    const root = path.join(scratch, `at-${limit}`);
    copy(base, root);
    const dying = dyingAfter(limit);
    expect(() => deploy(dying.sys, root, ref), `call ${limit}`).toThrow();
    const where = `death before call ${limit}: ${complete.calls[limit] ?? ''}`;
    expect(listOf(root), where).toEqual(limit > point ? after : before);
    await recover(root, ref, where);
    removeScratch(root);
  }
  removeScratch(whole);
});

/**
 * Every name that the switch makes current is on disk before it, and the switch itself before anything is removed. What
 * a boot loader reads is where it looks for it, besides: that is what `freezeThaw` is for.
 */
function expectSyncsAround(calls: readonly string[], switching: string, syncing: string): void {
  const point = calls.indexOf(switching);
  const [beforeIt] = calls
    .slice(0, point)
    .filter((call) => !call.startsWith('symlink') && !call.startsWith('unlink'))
    .slice(-1);
  expect(beforeIt).toBe(syncing);
  expect(calls[point + 1]).toBe(syncing);
  expect(calls.filter((call) => call === 'syncfs' || call === 'fsync' || call === 'fdatasync')).toHaveLength(
    2,
  );
}

/** The C program and we both go on from what was left, and the leftovers go. */
async function recover(root: string, ref: string, where: string): Promise<void> {
  expect(theirAdmin(root, ['status']), where).toBe(await ourAdmin(root, ['status']));
  await ourAdmin(root, ['cleanup']);
  await ourAdmin(root, ['deploy', '--os=testos', ref]);
  expect(await ourAdmin(root, ['status']), where).toBe(theirAdmin(root, ['status']));
  const directories = spawnSync('find', [
    `${root}/ostree/deploy/testos/deploy`,
    '-maxdepth',
    '1',
    '-name',
    '*.?',
  ]);
  expect(directories.stdout.toString().trim().split('\n'), where).toHaveLength(listOf(root).length);
  const leftovers = run('find', [root, '-name', '*.tmp']);
  expect(leftovers, where).toBe('');
}

function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
}
