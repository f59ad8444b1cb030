/** A run that fails or is killed anywhere does not stand in the way of the next one. */
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DIED, NOT_REACHED } from './interrupted-prepare-root.ts';
import { bootCase, describeMounts } from './prepare-root-cases.ts';
import { UNDER_NODE, PROJECT, runInScratch, type ScratchResult } from './scratch-initramfs.ts';
import { makeSyntheticSysroot, OSTREE_ARGUMENT } from './synthetic-sysroot.ts';

/** The case with the most steps: read-only, transient /etc, /var bound. */
const CONFIG = '[sysroot]\nreadonly=true\n[etc]\ntransient=true\n[yum-ostree]\nmount-var=true\n';
const MOST_CHANGES = 60;

const AGAIN = [...UNDER_NODE, '/sysroot'];
const MOUNTS = ['/bin/cat', '/proc/self/mountinfo'];
const undisturbed = bootCase({ name: 'all', config: CONFIG }, UNDER_NODE);

describe.for(['fail', 'die'] as const)('a change of the system %ss', (how) => {
  test('at any of them: the next run has the result of an undisturbed one', () => {
    for (let at = 1; at < MOST_CHANGES; at++) {
      const { result, before } = interruptedAt(at, how);
      const [first, mountsAfter, again] = result.runs;
      if (first?.status === NOT_REACHED) return expect(at).toBeGreaterThan(25);
      expect(first?.status, `change ${at}: ${first?.stderr}`).toBe(how === 'die' ? DIED : 1);
      if (how === 'fail')
        expect(before(mountsAfter?.stdout ?? ''), `change ${at}`).toEqual(['/sysroot / rw']);
      expect(again, `change ${at}`).toMatchObject({ status: 0, stderr: '' });
      expect(result.leftovers, `change ${at}`).not.toContain('40755 /sysroot.tmp');
      expect(before(result.mountinfo), `change ${at}`).toEqual(undisturbed.mounts.map(withoutPropagation));
    }
    throw new Error(`there are more than ${MOST_CHANGES} changes`);
  });
});

test('after a run that succeeded, another one ends the same', () => {
  const sysroot = makeSyntheticSysroot({ legacyReadonly: true });
  try {
    const once = runInScratch({ sysroot, cmdline: OSTREE_ARGUMENT, runs: [AGAIN] });
    const twice = runInScratch({ sysroot, cmdline: OSTREE_ARGUMENT, runs: [AGAIN, AGAIN] });
    expect(twice.runs.map((run) => run.status)).toEqual([0, 0]);
    expect(describeMounts(twice.mountinfo, '/sysroot', sysroot)).toEqual(
      describeMounts(once.mountinfo, '/sysroot', sysroot),
    );
    expect(twice.booted).toBe(once.booted);
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
});

interface Interrupted {
  readonly result: ScratchResult;
  /** The mounts of a mount table, without propagation. */
  readonly before: (mountinfo: string) => string[];
}

function interruptedAt(at: number, how: 'fail' | 'die'): Interrupted {
  const sysroot = makeSyntheticSysroot();
  const program = ['/node', `${PROJECT}/test/root/interrupted-prepare-root.ts`, String(at), how, '/sysroot'];
  try {
    const result = runInScratch({
      sysroot,
      cmdline: OSTREE_ARGUMENT,
      files: { '/etc/ostree/prepare-root.conf': CONFIG },
      runs: [program, MOUNTS, AGAIN],
    });
    return {
      result,
      before: (mountinfo) => describeMounts(mountinfo, '/sysroot', sysroot).map(withoutPropagation),
    };
  } finally {
    fs.rmSync(sysroot, { recursive: true });
  }
}

function withoutPropagation(line: string): string {
  return line.slice(0, line.lastIndexOf(' '));
}
