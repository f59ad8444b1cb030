/**
 * apply-live is stopped before each of its changes. What is left is told by the record, and the next run, to the same tree,
 * to another or back, is as if nothing had been stopped.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { openMountNamespace } from '#ostree/sysroot/mount-namespace.ts';
import { closeSysroot, openSysroot, type SysrootOptions } from '#ostree/sysroot/sysroot.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { applyLive, type LiveOutcome } from '#layering/apply-live.ts';
import { readLiveRecord, type LiveRecord } from '#layering/live-record.ts';
import { bootedCalls } from './booted-calls.ts';
import { dyingAfter } from './dying-calls.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  run,
  snapshot,
  theirAdmin,
  writeFile,
} from '../root/sysroot-fixture.ts';

const OPTIONS: SysrootOptions = {
  opts: [],
  debug: ['mutable-deployments'],
  isFailing: false,
  bootId: 'boot',
};
const PASSWD = 'root:x:0:0:root:/root:/bin/sh\n';

let scratch: string;
let booted: string;
let real: RepoCalls;
let points = 0;

const TREES = {
  zero: {
    'usr/share/same': 'same',
    'usr/share/owned/file': 'of both',
    'usr/share/changed': 'zero',
    'usr/share/goes/file': 'goes',
    'usr/share/link-then-directory': '-> same',
    'usr/share/directory-then-link/file': 'file',
    'usr/etc/changed.conf': 'zero',
    'usr/etc/own.conf': 'zero',
    'usr/etc/removed.conf': 'zero',
    'usr/etc/passwd': PASSWD,
  },
  one: {
    'usr/share/same': 'same',
    'usr/share/owned/file': 'of both',
    'usr/share/changed': 'one',
    'usr/share/link-then-directory/file': 'file',
    'usr/share/directory-then-link': '-> same',
    'usr/share/new/directory/file': 'new',
    'usr/etc/changed.conf': 'one',
    'usr/etc/own.conf': 'one',
    'usr/etc/removed.conf': 'one',
    'usr/etc/new/file.conf': 'new',
    'usr/etc/passwd': `${PASSWD}one:x:9:9:::\n`,
  },
  two: {
    'usr/share/same': 'same',
    'usr/share/owned/file': 'of both',
    'usr/share/changed': 'two',
    'usr/share/goes/file': 'goes',
    'usr/share/new': 'a file',
    'usr/share/other/file': 'other',
    'usr/etc/changed.conf': 'two',
    'usr/etc/own.conf': 'zero',
    'usr/etc/removed.conf': 'zero',
    'usr/etc/new': 'a file',
    'usr/etc/passwd': PASSWD,
  },
};
type Tree = keyof typeof TREES;
const commits = new Map<Tree, Checksum>();

beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  const sysroot = path.join(scratch, 'sysroot');
  fs.mkdirSync(sysroot);
  await ourAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  await ourAdmin(sysroot, ['stateroot-init', 'testos']);
  for (const name of ['zero', 'one', 'two'] as const) {
    const repo = `${sysroot}/ostree/repo`;
    const first = commitTree(repo, name, { version: name, files: TREES[name] });
    const commit = name === 'one' ? withOwnedDirectory(repo, name) : first;
    if (!isChecksum(commit)) throw new Error(commit);
    commits.set(name, commit);
  }
  await ourAdmin(sysroot, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'zero'], {
    OSTREE_SYSROOT_DEBUG: 'mutable-deployments',
  });
  booted = path.relative(sysroot, (await ourAdmin(sysroot, ['--print-current-dir'])).trim());
  writeFile(path.join(scratch, 'run/ostree-booted'), '');
  writeFile(path.join(sysroot, booted, 'etc/own.conf'), 'local');
  fs.rmSync(path.join(sysroot, booted, 'etc/removed.conf'));
  fs.appendFileSync(path.join(sysroot, booted, 'etc/passwd'), 'mine:x:1000:1000:::\n');
  real = bootedCalls({ folder: scratch, deployment: booted });
});
afterAll(() => {
  process.stdout.write(`apply-live: stopped at ${points} points\n`);
  removeScratch(scratch);
});

/** The tree with another owner and mode for a directory, which cannot both be set at once. */
function withOwnedDirectory(repo: string, ref: string): string {
  const tree = path.join(scratch, 'tree');
  run('ostree', ['checkout', `--repo=${repo}`, ref, tree]);
  fs.chownSync(path.join(tree, 'usr/share/owned'), 5, 6);
  fs.chmodSync(path.join(tree, 'usr/share/owned'), 0o2750);
  return run('ostree', ['commit', `--repo=${repo}`, '-b', ref, `--tree=dir=${tree}`]).trim();
}

/** @param tree null to go back */
async function apply(tree: Tree | null, sys: RepoCalls = real): Promise<LiveOutcome> {
  const machine = openMountNamespace(real);
  const choice = {
    ...{ sys, path: path.join(scratch, 'sysroot'), stateroot: null, options: OPTIONS, wait: 0 },
    progress: () => undefined,
  };
  const target = tree === null ? null : (commits.get(tree) ?? null);
  const wish = { target, reset: tree === null, allowReplacement: true, dryRun: false };
  return applyLive(choice, { ...wish, machine, signal: new AbortController().signal }).finally(() =>
    real.close(machine),
  );
}

function recordNow(): LiveRecord | null {
  const sysroot = openSysroot(real, path.join(scratch, 'sysroot'), OPTIONS);
  try {
    return sysroot.booted === null ? null : readLiveRecord(real, sysroot.booted);
  } finally {
    closeSysroot(sysroot);
  }
}

/** What runs. Users that were added by lines stay. */
function seen(folders: readonly string[] = ['usr', 'etc']): string[] {
  const root = path.join(scratch, 'sysroot', booted);
  return snapshot(root, folders, ['.pwd.lock']).map((line) => line.replace('one:x:9:9:::\\n', ''));
}

/** Stops a run before each of its changes; `then` ends with the tree that was booted. */
async function stoppedEverywhere(
  tree: Tree | null,
  begin: () => Promise<unknown>,
  then: (where: string, limit: number) => Promise<void>,
): Promise<void> {
  for (let limit = 0; ; limit++) {
    await begin();
    const dying = dyingAfter(limit, real);
    const ended = await apply(tree, dying.sys).then(
      () => true,
      () => false,
    );
    if (ended) return void (await apply(null));
    points++;
    await then(`stopped before change ${limit + 1}, after ${dying.calls.at(-1) ?? 'nothing'}`, limit);
  }
}

test('to another tree: the record is true, and the next run is as if nothing had been stopped', async () => {
  const before = seen();
  await apply('two');
  const two = seen();
  await apply(null);
  expect(seen()).toEqual(before);
  await apply('one');
  const one = seen();
  expect(one).toEqual(
    expect.arrayContaining([
      'etc/changed.conf 100644 0:0 "one"',
      'etc/new/file.conf 100644 0:0 "new"',
      'etc/own.conf 100644 0:0 "local"',
    ]),
  );
  expect(one.join()).not.toContain(',etc/removed');
  await apply(null);
  const isWhole = new Set([...before, ...one]);
  let turn = 0;
  await stoppedEverywhere(
    'one',
    () => Promise.resolve(),
    async (where, limit) => {
      const left = seen();
      const record = recordNow();
      if (record?.inProgress === undefined || record.inProgress === null)
        expect(left, where).toEqual(record?.live == null ? before : one);
      else expect(record.inProgress.commit, where).toBe(commits.get('one'));
      // Were the power gone too: each file in /etc is the old or the new one, but for an unfinished one.
      const odd = seen(['etc']).filter((line) => !isWhole.has(line));
      expect(
        odd.filter((line) => !line.includes('.yum-ostree-live')),
        where,
      ).toEqual([]);
      expect(odd.length, where).toBeLessThanOrEqual(1);
      turn++;
      if (turn % 3 === 0) {
        await apply('one');
        expect(seen(), where).toEqual(one);
      } else if (turn % 3 === 1) {
        // A second one is stopped, too.
        await apply('two', dyingAfter((limit * 7) % 60, real).sys).catch(() => undefined);
      } else {
        await apply('two');
        expect(seen(), where).toEqual(two);
      }
      await apply(null);
      expect(seen(), where).toEqual(before);
    },
  );
});

test('back to the tree that was booted', async () => {
  const before = seen();
  await stoppedEverywhere(
    null,
    () => apply('one'),
    async (where) => {
      const record = recordNow();
      if (record?.live == null) expect(seen(), where).toEqual(before);
      await apply(null);
      expect(seen(), where).toEqual(before);
      expect(recordNow(), where).toMatchObject({ live: null, inProgress: null, begun: [] });
    },
  );
  run('ostree', ['fsck', '-q', `--repo=${path.join(scratch, 'sysroot/ostree/repo')}`]);
  expect(theirAdmin(path.join(scratch, 'sysroot'), ['status'])).toContain('testos');
});
