/** The compact executable on input that is wrong, damaged or hostile: one clear error, and nothing is changed. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compactPrepareRoot } from '#test/fixtures/compact-program.ts';
import { mutate } from '#test/fuzz/mutate.ts';
import { seededRandom } from '#test/fuzz/random.ts';
import { FUZZ_TARGETS, textOf } from '#test/fuzz/targets.ts';
import { BAD_SYSROOTS } from './bad-sysroots.ts';
import { describeMounts } from './prepare-root-cases.ts';
import { runInScratch, type ProgramResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

const OURS = compactPrepareRoot();
const MOUNTS = ['/bin/cat', '/proc/self/mountinfo'];

let sysroot = '';
beforeAll(() => {
  sysroot = makeSyntheticSysroot();
});
afterAll(() => fs.rmSync(sysroot, { recursive: true }));

interface Outcome {
  readonly run: ProgramResult;
  /** What is mounted afterwards, and what was before the first run. */
  readonly mounts: readonly string[];
  readonly before: readonly string[];
}

interface Inputs {
  /** Arguments of each run. */
  readonly runs: readonly (readonly string[])[];
  readonly files?: Readonly<Record<string, string>>;
}

/** Runs them one after the other in one initramfs. */
function outcomes(root: string, { runs, files = {} }: Inputs): Outcome[] {
  const commands = runs.flatMap((given) => [[OURS, ...given], MOUNTS]);
  const request = { sysroot: root, cmdline: OSTREE_ARGUMENT, files, runs: [MOUNTS, ...commands] };
  const [first, ...rest] = runInScratch(request).runs;
  const seen = (cat: ProgramResult | undefined): string[] =>
    describeMounts(cat?.stdout ?? '', '/', root).map((line) => line.slice(0, line.lastIndexOf(' ')));
  const before = seen(first);
  return runs.map((_, at) => {
    const run = rest[2 * at];
    if (run === undefined) throw new Error(`run ${at} was not made`);
    return { run, mounts: seen(rest[2 * at + 1]), before };
  });
}

function expectRefused({ run, mounts, before }: Outcome, input: string): void {
  expect(run, input).toMatchObject({ status: 1, stdout: '' });
  const [error = '', ...more] = run.stderr.slice(0, -1).split('\n');
  expect(error, input).toMatch(/^ostree-prepare-root: [^\0-\x1f\x7f-\x9f]+$/);
  expect(more.length, input).toBeLessThan(25);
  for (const line of more)
    expect(line, input).not.toMatch(/^ostree-prepare-root: |^ +at |[\0-\x1f\x7f-\x9f]/);
  expect(mounts, input).toEqual(before);
}

/** Status 0 means all of it. */
function expectWhole({ run, mounts }: Outcome, input: string): void {
  expect(run.stderr, input).toBe('');
  for (const mount of [
    '/sysroot /ostree/deploy/os/deploy/aaaa.0 rw',
    '/sysroot/usr /ostree/deploy/os/deploy/aaaa.0/usr ro',
  ])
    expect(mounts, input).toContain(mount);
  expect(
    mounts.filter((line) => line.startsWith('/sysroot/sysroot / ')),
    input,
  ).toHaveLength(1);
  expect(
    mounts.filter((line) => line.includes('sysroot.tmp')),
    input,
  ).toEqual([]);
}

/** @returns how many were refused */
function expectEither(all: readonly Outcome[], inputs: readonly string[]): number {
  all.forEach((outcome, at) => {
    const input = JSON.stringify(inputs[at]);
    if (outcome.run.status === 0) expectWhole(outcome, input);
    else expectRefused(outcome, input);
  });
  return all.filter(({ run }) => run.status === 1).length;
}

/** Of the fuzz tests' own seeds. An argument and a file of these tests have no NUL. */
function mutations(name: string, seed: string, count: number): string[] {
  const random = seededRandom(7);
  const target = FUZZ_TARGETS.find((one) => one.name === name);
  const bytes = [...Buffer.from(seed)];
  const words = (target?.words ?? []).map((word) => [...Buffer.from(word)]);
  const one = (): string => textOf(Uint8Array.from(mutate(bytes, random, { words, other: bytes })));
  return Array.from({ length: count }, () => one().replaceAll('\0', ''));
}

test('command lines that name no deployment, or one outside of the sysroot', () => {
  const lines = [
    ...['', 'quiet', 'ostree', 'ostree=', 'ostree =/x', 'xostree=/x', `"${OSTREE_ARGUMENT}"`],
    ...['/', '/.', '..', '/..', '/../..', '/../../', '//', '/ostree/../..', '/ostree/boot.1/../../..'].map(
      (target) => `ostree=${target}`,
    ),
    ...['/../../usr', '/../../../proc/self/root', '/proc/1/root', '/sysroot'].map(
      (target) => `ostree=${target}`,
    ),
    `${OSTREE_ARGUMENT}/../../../../../../../../usr`,
    `${OSTREE_ARGUMENT}/`,
    `${OSTREE_ARGUMENT}/.`,
    `${OSTREE_ARGUMENT}/sysroot`,
    `ostree=/${'../'.repeat(5000)}usr`,
    `ostree=/${'x'.repeat(100_000)}`,
    'ostree=\u001b]0;x\u0007\u009b2J',
    'androidboot.slot_suffix=_c',
    'androidboot.slot_suffix=',
    'androidboot.x',
    `${OSTREE_ARGUMENT} ostree.prepare-root.composefs=banana`,
    `${OSTREE_ARGUMENT} ostree.prepare-root.composefs=`,
    `${OSTREE_ARGUMENT} ostree.prepare-root.fallback=maybe`,
  ];
  const all = outcomes(sysroot, { runs: lines.map((line) => ['--cmdline', line, '/sysroot']) });
  all.forEach((outcome, at) => expectRefused(outcome, JSON.stringify(lines[at])));
});

test('command lines made at random', () => {
  const lines = mutations('command line', `root=UUID=x ro ${OSTREE_ARGUMENT} quiet`, 150);
  const refused = expectEither(
    outcomes(sysroot, { runs: lines.map((line) => ['--cmdline', line, '/sysroot']) }),
    lines,
  );
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(140);
});

test('configuration files made at random', () => {
  const texts = mutations(
    'key file',
    '[sysroot]\nreadonly=false\n[composefs]\nenabled=no\n# x\n[yum-ostree]\n',
    150,
  );
  const files = Object.fromEntries(texts.map((text, at) => [`/conf/${at}`, text]));
  const runs = texts.map((_, at) => ['--config', `/conf/${at}`, '/sysroot']);
  const refused = expectEither(outcomes(sysroot, { runs, files }), texts);
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(140);
});

describe('a sysroot that is damaged', () => {
  test.for(BAD_SYSROOTS.map((one) => [one.name, one] as const))('%s', ([, { alter, config, message }]) => {
    const damaged = makeSyntheticSysroot({ hotfix: true });
    try {
      alter(damaged);
      const list = (): string =>
        execFileSync('find', [damaged, '-printf', '%P %y %m %l %T@\n'], { encoding: 'utf8' });
      const before = list();
      const files = config === undefined ? {} : { '/etc/ostree/prepare-root.conf': config };
      const [outcome] = outcomes(damaged, { runs: [['/sysroot']], files });
      if (outcome === undefined) throw new Error('not run');
      expectRefused(outcome, '');
      expect(outcome.run.stderr).toContain(`ostree-prepare-root: ${message}`);
      expect(list()).toBe(before);
    } finally {
      fs.rmSync(damaged, { recursive: true });
    }
  });
});
