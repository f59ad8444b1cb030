/** Requests drawn at random from a distribution's 63,000 packages are solved as dnf solves them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeDebianMetadata } from '#test/fixtures/debian-metadata.ts';
import { dnfResolves, type DnfRequest } from '#test/root/solver-dnf.ts';
import { nevrasOf, weResolve } from '#test/root/solver-repository.ts';

const REQUESTS = 200;
const SEED = 20_261_129;
const MOST_NAMES = 3;

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'yum-ostree-solver-debian-'));
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

test(`${REQUESTS} requests, seed ${SEED}`, async () => {
  const { path: repository, names } = await writeDebianMetadata(path.join(scratch, 'repository'), {
    fileLists: false,
  });
  const from = { debian: repository };
  const requests = drawnRequests(names);
  const theirs = dnfResolves(from, requests);
  const differences: unknown[] = [];
  for (const [index, { specs, weak }] of requests.entries()) {
    const result = await weResolve({
      ...{ from, cache: path.join(scratch, 'cache'), install: specs, weakDependencies: weak },
    });
    const [ours, dnf] = [nevrasOf(result), theirs[index] ?? null];
    if (JSON.stringify(ours) !== JSON.stringify(dnf)) differences.push({ specs, weak, ours, dnf });
  }
  const unsolved = theirs.filter((one) => one === null).length;
  console.log(`${names.length} packages, ${REQUESTS} requests: ${unsolved} without a solution, as for dnf`);
  expect(differences).toEqual([]);
  // Both kinds must be among them, or the comparison says little.
  expect(unsolved).toBeGreaterThan(0);
  expect(unsolved).toBeLessThan(REQUESTS / 2);
}, 600_000);

/** One to three names each, every second without weak dependencies. */
function drawnRequests(names: readonly string[]): DnfRequest[] {
  const draw = numbersFrom(SEED);
  return Array.from({ length: REQUESTS }, (_, index) => ({
    specs: Array.from({ length: 1 + draw(MOST_NAMES) }, () => names[draw(names.length)] ?? ''),
    weak: index % 2 === 0,
  }));
}

/** Numbers from 0 to below a bound, the same for the same seed (a linear congruential generator's upper bits). */
function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
