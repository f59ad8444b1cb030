/**
 * Each verb that changes what boots is stopped before each of its changes to the disk. What is left boots: the default
 * and every entry wholly old or wholly new, the running deployment's /etc untouched. The next run clears up.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseVerbArguments } from '#board/arguments.ts';
import { kargs, KARGS_OPTIONS, rollback } from '#board/boot-order.ts';
import { cleanup } from '#board/cleanup.ts';
import { finalize } from '#board/staged.ts';
import type { CliContext } from '#cli/context.ts';
import { addAdminVerbs } from '#cli/ostree-admin-verbs.ts';
import { loadSyscalls } from '#native/load.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { bootedCalls } from './booted-calls.ts';
import { readMenu, type Bootable } from './boot-reader.ts';
import { dyingAfter } from './dying-calls.ts';
import {
  commitTree,
  makeScratch,
  ourAdmin,
  removeScratch,
  snapshot,
  theirAdmin,
  writeFile,
} from '../root/sysroot-fixture.ts';

let scratch: string;
/** Folders with a sysroot and /run: two deployments, of which the default runs; and one staged before them. */
let plain: string;
let staged: string;
let booted: string;
let points = 0;
let recovered = 0;

const MUTABLE = { OSTREE_SYSROOT_DEBUG: 'mutable-deployments' };

beforeAll(async () => {
  // Hundreds of syncs: in memory, where there is such a file system.
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  plain = path.join(scratch, 'plain');
  const sysroot = path.join(plain, 'sysroot');
  fs.mkdirSync(sysroot, { recursive: true });
  await ourAdmin(sysroot, ['init-fs', '--modern', sysroot]);
  await ourAdmin(sysroot, ['stateroot-init', 'testos']);
  for (const [ref, kernel] of [
    ['zero', 'kernel of zero'],
    ['one', 'kernel'],
    ['two', 'kernel of two'],
    ['same-kernel', 'kernel'],
  ] as const)
    commitTree(`${sysroot}/ostree/repo`, ref, { kernel, version: ref, files: { [`usr/bin/${ref}`]: ref } });
  await ourAdmin(sysroot, ['deploy', '--os=testos', '--karg=root=LABEL=x', 'zero'], MUTABLE);
  await ourAdmin(sysroot, ['deploy', '--os=testos', 'one'], MUTABLE);
  booted = path.relative(sysroot, (await ourAdmin(sysroot, ['--print-current-dir'])).trim());
  writeFile(path.join(sysroot, booted, 'etc/a.conf'), 'local');
  writeFile(path.join(plain, 'run/ostree-booted'), '');
  staged = copyOf(plain, 'staged');
  const calls = bootedCalls({ folder: staged, deployment: booted });
  await admin(['deploy', '--stage', '--karg-append=added', 'two'])(calls, staged);
  writeFile(path.join(staged, 'sysroot', booted, 'etc/b.conf'), 'changed after staging');
});
afterAll(() => {
  process.stdout.write(`boot-matrix: stopped at ${points} points, ${points - recovered} failures\n`);
  removeScratch(scratch);
});

type Verb = (sys: RepoCalls, folder: string) => Promise<void>;

/** A verb of `ostree admin`. */
function admin(args: readonly string[]): Verb {
  return async (sys, folder) => {
    const context: CliContext = {
      sys,
      out: () => undefined,
      err: () => undefined,
      env: { PATH: '/usr/bin:/bin', OSTREE_SYSROOT: path.join(folder, 'sysroot') },
      isTerminal: false,
    };
    const program = new Command('admin').exitOverride();
    addAdminVerbs(program, context);
    await program.parseAsync(args, { from: 'user' });
  };
}

/** A verb of `yum-ostree-boot`. */
function board(
  verb: (context: { sys: RepoCalls; env: Record<string, string>; path: string }) => unknown,
): Verb {
  // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection, as of the others
  return async (sys, folder) => {
    verb({ sys, env: {}, path: path.join(folder, 'sysroot') });
  };
}

const PLAIN = { values: [], flags: [], operands: 0 };
const EDIT = parseVerbArguments(['--append=edited'], { ...PLAIN, values: KARGS_OPTIONS });

interface Scenario {
  readonly from: 'plain' | 'staged';
  readonly verb: Verb;
  /** What is done again after the stop, where the menu is still the old one. */
  readonly again?: Verb;
  /** Each entry is replaced by itself, as ostree does it: some may be old and some new. */
  readonly byEntry?: boolean;
}

const CLEANUP = admin(['cleanup']);

test.each<[string, Scenario]>([
  ['deploy', { from: 'plain', verb: admin(['deploy', 'two']) }],
  ['deploy --stage', { from: 'plain', verb: admin(['deploy', '--stage', 'two']) }],
  ['deploy --stage over a staged one', { from: 'staged', verb: admin(['deploy', '--stage', 'same-kernel']) }],
  ['finalize-staged', { from: 'staged', verb: admin(['finalize-staged']), again: CLEANUP }],
  [
    'finalize-staged of yum-ostree-boot',
    {
      from: 'staged',
      verb: board((context) => finalize(context, parseVerbArguments([], PLAIN))),
      again: CLEANUP,
    },
  ],
  ['reset --config', { from: 'plain', verb: admin(['reset', '--config', '--keep', 'b.conf']) }],
  ['unlock', { from: 'plain', verb: admin(['unlock']) }],
  ['unlock --transient', { from: 'plain', verb: admin(['unlock', '--transient']) }],
  ['unlock --hotfix', { from: 'plain', verb: admin(['unlock', '--hotfix']) }],
  [
    'instutil set-kargs',
    { from: 'plain', verb: admin(['instutil', 'set-kargs', '--merge', '--append=x=y']) },
  ],
  [
    'kargs edit-in-place',
    { from: 'plain', byEntry: true, verb: admin(['kargs', 'edit-in-place', '--append-if-missing=edited']) },
  ],
  ['kargs of yum-ostree-boot', { from: 'plain', verb: board((context) => kargs(context, EDIT)) }],
  ['rollback of yum-ostree-boot', { from: 'plain', verb: board(rollback), again: CLEANUP }],
  ['undeploy', { from: 'plain', verb: admin(['undeploy', '1']), again: CLEANUP }],
  ['cleanup', { from: 'staged', verb: CLEANUP }],
  ['cleanup of yum-ostree-boot', { from: 'staged', verb: board(cleanup) }],
])('%s', async (name, { from, verb, again = verb, byEntry = false }) => {
  const base = from === 'plain' ? plain : staged;
  const before = menuOf(base);
  const whole = copyOf(base, 'whole');
  const complete = dyingAfter(Infinity, bootedCalls({ folder: whole, deployment: booted }));
  await verb(complete.sys, whole);
  const after = menuOf(whole);
  expect(complete.calls.length).toBeGreaterThan(0);
  loadSyscalls().removeTree(AT_FDCWD, whole);
  for (let limit = 0; limit < complete.calls.length; limit++) {
    const where = `${name} stopped before change ${limit + 1}: ${complete.calls[limit] ?? ''}`;
    const folder = copyOf(base, 'stopped');
    const etc = snapshot(path.join(folder, 'sysroot'), [`${booted}/etc`]);
    const real = bootedCalls({ folder, deployment: booted });
    await expect(verb(dyingAfter(limit, real).sys, folder), where).rejects.toThrow('died');
    points++;
    const left = during(where, () => menuOf(folder));
    if (byEntry) left.forEach((entry, at) => expect([before[at], after[at]], where).toContainEqual(entry));
    else expect([before, after], where).toContainEqual(left);
    expect(snapshot(path.join(folder, 'sysroot'), [`${booted}/etc`]), where).toEqual(etc);
    await recover(folder, {
      real,
      again: isSame(left, after) && !isSame(before, after) ? CLEANUP : again,
      where,
    });
    if (again === verb) expect(menuOf(folder), where).toEqual(after);
    recovered++;
    loadSyscalls().removeTree(AT_FDCWD, folder);
  }
});

/** The power may have gone, too: then what was in /run is lost. */
async function recover(
  folder: string,
  next: { readonly real: RepoCalls; readonly again: Verb; readonly where: string },
): Promise<void> {
  const { real, again, where } = next;
  try {
    await again(real, folder);
  } catch (error) {
    // All but the message of the verb was done.
    if (codeOf(error) !== 'UNLOCKED') throw new Error(where, { cause: error });
  }
  await CLEANUP(real, folder);
  const sysroot = path.join(folder, 'sysroot');
  const listed = deploymentsOf(folder);
  expect(directoriesIn(path.join(sysroot, 'ostree/deploy/testos/deploy')), where).toEqual(listed);
  const leftovers = namesBelow(sysroot).filter(
    (name) => name.endsWith('.tmp') || name.startsWith('staging-'),
  );
  expect(leftovers, where).toEqual([]);
  const kernels = new Set(menuOf(folder).map(({ kernel }) => kernel));
  const unused = directoriesIn(path.join(sysroot, 'boot/ostree')).filter(
    (each) => !kernels.has(each.slice(-64)),
  );
  // The staged deployment's kernel is there already.
  expect(unused.length, where).toBeLessThanOrEqual(stagedName(folder) === null ? 0 : 1);
}

/** Of the menu, and the staged one. */
function deploymentsOf(folder: string): string[] {
  const names = menuOf(folder).map(({ deployment }) => path.basename(deployment));
  const waiting = stagedName(folder);
  return [...new Set(waiting === null ? names : [waiting, ...names])].sort();
}

function stagedName(folder: string): string | null {
  const file = path.join(folder, 'run/ostree/staged-deployment');
  if (!fs.existsSync(file)) return null;
  const found = /[0-9a-f]{64}\.\d/.exec(fs.readFileSync(file, 'latin1'));
  return found?.[0] ?? null;
}

/** Without following links: /boot/boot is /boot. */
function namesBelow(directory: string): string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .flatMap((entry) => [
      entry.name,
      ...(entry.isDirectory() ? namesBelow(path.join(directory, entry.name)) : []),
    ]);
}

function directoriesIn(directory: string): string[] {
  return fs
    .readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

function menuOf(folder: string): Bootable[] {
  return readMenu(path.join(folder, 'sysroot'));
}

function isSame(a: readonly Bootable[], b: readonly Bootable[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function during<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw new Error(where, { cause });
  }
}

function copyOf(folder: string, name: string): string {
  const copy = path.join(scratch, name);
  loadSyscalls().removeTree(AT_FDCWD, copy);
  fs.cpSync(folder, copy, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return copy;
}

test('the reader agrees with the C program on what is deployed', () => {
  const listed = [...theirAdmin(path.join(plain, 'sysroot'), ['status']).matchAll(/testos ([0-9a-f.]+)/g)];
  expect(menuOf(plain).map(({ deployment }) => path.basename(deployment))).toEqual(
    listed.map(([, name]) => name),
  );
});
