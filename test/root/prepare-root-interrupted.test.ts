/** A run that fails or is killed anywhere does not stand in the way of the next one. */
import fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeComposefsSysroot, removeSysroot, type ComposefsSysroot } from './composefs-sysroot.ts';
import { IMAGE_MOUNT } from '#prepare-root/root-steps.ts';
import { parseMountTable } from '#ostree/format/mount-table.ts';
import { DIED, NOT_REACHED } from './interrupted-prepare-root.ts';
import { describeMounts } from './prepare-root-cases.ts';
import { UNDER_NODE, PROJECT, runInScratch } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

/** The cases with the most steps: as much as can be is read-only, or in memory, and /var is bound. */
const ALL_BOUND = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n[yum-ostree]\nmount-var=true\n';
const ALL_COMPOSED = `[composefs]\nenabled=yes\n[root]\ntransient=true\n${ALL_BOUND}`;
const MOST_CHANGES = 60;

const AGAIN = [...UNDER_NODE, '/sysroot'];
const MOUNTS = ['/bin/cat', '/proc/self/mountinfo'];

interface Started {
  readonly sysroot: string;
  readonly cmdline: string;
  readonly config: string;
}

let bound = '';
let composed: ComposefsSysroot;
beforeAll(() => {
  bound = makeSyntheticSysroot();
  composed = makeComposefsSysroot();
});
afterAll(() => {
  fs.rmSync(bound, { recursive: true });
  removeSysroot(composed);
});

const CASES: readonly (readonly [string, () => Started, number])[] = [
  ['a bound root', () => ({ sysroot: bound, cmdline: OSTREE_ARGUMENT, config: ALL_BOUND }), 25],
  [
    'a composefs root',
    () => ({ sysroot: composed.path, cmdline: composed.argument, config: ALL_COMPOSED }),
    35,
  ],
];

describe.for(CASES)('%s', ([, started, fewest]) => {
  test.for(['fail', 'die'] as const)(
    'changes %s, at any of them: the next run ends like an undisturbed one',
    (how) => {
      const { sysroot, cmdline, config } = started();
      const files = { '/etc/ostree/prepare-root.conf': config };
      const seen = (mountinfo: string): string[] =>
        describeMounts(mountinfo, '/sysroot', sysroot).map(withoutPropagation);
      const undisturbed = seen(runInScratch({ sysroot, cmdline, files, runs: [AGAIN] }).mountinfo);
      for (let at = 1; at < MOST_CHANGES; at++) {
        const result = runInScratch({ sysroot, cmdline, files, runs: [interrupted(at, how), MOUNTS, AGAIN] });
        const [first, mountsAfter, again] = result.runs;
        if (first?.status === NOT_REACHED) return expect(at).toBeGreaterThan(fewest);
        expect(first?.status, `change ${at}: ${first?.stderr}`).toBe(how === 'die' ? DIED : 1);
        if (how === 'fail')
          expect(seen(mountsAfter?.stdout ?? ''), `change ${at}`).toEqual(['/sysroot / rw']);
        expect(again, `change ${at}`).toMatchObject({ status: 0, stderr: '' });
        expect(result.leftovers, `change ${at}`).not.toContain('40755 /sysroot.tmp');
        expect(seen(result.mountinfo), `change ${at}`).toEqual(undisturbed);
        expect(parseMountTable(result.mountinfo).map(({ point }) => point)).not.toContain(IMAGE_MOUNT);
      }
      throw new Error(`there are more than ${MOST_CHANGES} changes`);
    },
  );

  test('after a run that succeeded, another one ends the same', () => {
    const { sysroot, cmdline, config } = started();
    const files = { '/etc/ostree/prepare-root.conf': config };
    const once = runInScratch({ sysroot, cmdline, files, runs: [AGAIN] });
    const twice = runInScratch({ sysroot, cmdline, files, runs: [AGAIN, AGAIN] });
    expect(twice.runs.map((run) => run.status)).toEqual([0, 0]);
    expect(describeMounts(twice.mountinfo, '/sysroot', sysroot)).toEqual(
      describeMounts(once.mountinfo, '/sysroot', sysroot),
    );
    expect(twice.booted?.length).toBe(once.booted?.length);
  });
});

function interrupted(at: number, how: 'fail' | 'die'): string[] {
  return ['/node', `${PROJECT}/test/root/interrupted-prepare-root.ts`, String(at), how, '/sysroot'];
}

function withoutPropagation(line: string): string {
  return line.slice(0, line.lastIndexOf(' '));
}
