/** Which trees are remembered as failed, and when that is forgotten: layered ones, and the base below them. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasFailed } from '#bootloader/fallback-failed.ts';
import { MERGED_USR } from './booted-machine.ts';
import {
  asBooted,
  copyOfMachine,
  grubLeaves,
  installGrub,
  makeFallbackMachine,
  onMachine,
  standings,
  type FallbackMachine,
} from './fallback-machine.ts';
import { commitTree, makeScratch, ourAdmin, removeScratch } from './sysroot-fixture.ts';

let scratch: string;
let pattern: FallbackMachine;
beforeAll(async () => {
  scratch = makeScratch(fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp');
  pattern = await makeFallbackMachine(path.join(scratch, 'pattern'), 'grub2');
  installGrub(pattern);
});
afterAll(() => {
  removeScratch(scratch);
});

/** A machine with trees composed on those of os/1 … os/3, as versions 4, 5, …; the first one runs. */
function machine(name: string, bases: readonly number[]): FallbackMachine {
  const at = copyOfMachine(pattern, name);
  const layered = bases.map((version, place) =>
    commitTree(`${at.sysroot}/ostree/repo`, `os/${place + 4}`, {
      files: { ...MERGED_USR, 'usr/etc/version': `layered ${place}` },
      base: at.commits[version - 1] ?? '',
    }),
  );
  return { ...at, commits: [...at.commits, ...layered] };
}

/** It is deployed, never comes up, and the machine falls back to what runs. */
async function fails(
  at: FallbackMachine,
  version: number,
  { running, kargs = [] }: { readonly running: number; readonly kargs?: readonly string[] },
): Promise<void> {
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', ...kargs, `os/${version}`]);
  grubLeaves(at, 0);
  expect(onMachine(at, running, '$BOARD mark-good')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('has failed') as string,
  });
}

/** It is deployed, and comes up. */
async function isGood(at: FallbackMachine, version: number): Promise<void> {
  await ourAdmin(at.sysroot, ['deploy', '--os=testos', `os/${version}`]);
  grubLeaves(at, 2);
  expect(onMachine(at, version, '$BOARD mark-good').status).toBe(0);
}

/** The versions that an update leaves alone. */
function failed(at: FallbackMachine): number[] {
  return asBooted(at, { place: 0 }, (sysroot) =>
    at.commits.flatMap((checksum, place) => (hasFailed(sysroot, checksum) ? [place + 1] : [])),
  );
}

test('a failed layered tree keeps its base from being tried; a good one on that base clears both', async () => {
  const at = machine('cleared', [2, 2]);
  await fails(at, 4, { running: 1 });
  expect(failed(at)).toEqual([2, 4]);
  await fails(at, 2, { running: 1 });
  expect(failed(at)).toEqual([2, 4]);
  await isGood(at, 5);
  expect(failed(at)).toEqual([4]);
});

test('where the machine falls back to the same base, only the layered tree has failed', async () => {
  const at = machine('same-base', [1, 2, 2]);
  await fails(at, 4, { running: 1 });
  expect(failed(at)).toEqual([4]);
  await isGood(at, 5);
  await fails(at, 6, { running: 5 });
  expect(failed(at)).toEqual([4, 6]);
  // Also while the boot menu still has it.
  expect((await standings(at)).map(([version]) => version)).toContain(6);
  fs.rmSync(`${at.sysroot}/boot/ostree/failed-trees`);
  expect(failed(at)).toEqual([6]);
});

test('the tree that runs has not failed, where it did with other kernel arguments', async () => {
  const at = machine('kargs', []);
  await fails(at, 1, { running: 1, kargs: ['--karg-append=bad=1'] });
  expect(failed(at)).toEqual([]);
  expect(await standings(at)).toMatchObject([
    [1, undefined],
    [1, { state: 'failed' }],
  ]);
});
