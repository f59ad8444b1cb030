/**
 * Power cuts at the disk: what a real ext4 or XFS writes while a verb works is replayed to every flush, and between two
 * flushes to some of the writes. What is left boots, wholly old or wholly new: for the kernel, which plays back the
 * journal, and for GRUB and U-Boot, which do not. The next run clears up.
 */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCommand } from '#test/fixtures/run-command.ts';
import type { PowerCutRequest, PowerCutResult } from './power-cut-child.ts';

const VERBS = ['deploy', 'upgrade', 'rollback', 'set-default', 'kargs', 'undeploy', 'cleanup'];

/** Milliseconds, for the hundreds of disks of a layout. */
const LIMIT = 900_000;

let states = 0;
let byUboot = 0;
let failures = 0;
afterAll(() => {
  process.stdout.write(
    `power-cut: ${states} states of the disk (${byUboot} by U-Boot too), ${failures} failures\n`,
  );
});

async function powerCutsOf(request: PowerCutRequest): Promise<PowerCutResult[]> {
  const child = path.join(import.meta.dirname, 'power-cut-child.ts');
  const scratch = fs.mkdtempSync('/var/tmp/yum-ostree-power-cut-');
  try {
    const namespace = ['--mount', '--propagation', 'private', process.execPath, child, scratch];
    const { stdout } = await runCommand('unshare', [...namespace, JSON.stringify(request)]);
    return JSON.parse(stdout) as PowerCutResult[];
  } finally {
    fs.rmdirSync(scratch);
  }
}

test.each([
  ['a partition each, ext4', ['ext4', 'ext4']],
  ['a partition each, XFS', ['xfs', 'xfs']],
  ['/boot on the root, ext4, for U-Boot', ['plain ext4']],
  ['/boot on the root, XFS', ['xfs']],
] as const)('%s', { timeout: LIMIT }, async (_, layout) => {
  const results = await powerCutsOf({ layout, cases: VERBS, parts: 2 });
  for (const result of results) {
    states += result.states;
    byUboot += result.byUboot;
    failures += result.failures.length;
  }
  expect(results.flatMap((result) => result.failures.map((each) => `${result.name}, ${each}`))).toEqual([]);
  expect(results.filter(({ flushes }) => flushes === 0)).toEqual([]);
});

test('a swap that only syncs would not survive for GRUB', async () => {
  const [result] = await powerCutsOf({ layout: ['ext4'], cases: ['only a sync'], parts: 8 });
  expect(result?.failures.join('\n')).toContain('the menu is empty');
});
