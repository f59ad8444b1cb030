/** A machine that follows the model: whatever people and power cuts do, it does not go round in circles by itself. */
import fc from 'fast-check';
import {
  bootsNext,
  countDown,
  fallbackOf,
  lastToKeep,
  marksOf,
  settledOrder,
  standingOf,
  type Candidate,
  type Mark,
} from '#bootloader/fallback.ts';
import { expect, test } from '#test/both-engines.ts';

interface Machine {
  readonly tries: number;
  list: { readonly name: string; readonly isBad: boolean; readonly mark: Mark | null }[];
  readonly counts: Map<string, number | 'good'>;
  booted: string | null;
  made: number;
}

function machine(tries: number): Machine {
  const list = [{ name: 'installed', isBad: false, mark: null }];
  return { tries, list, counts: new Map(), booted: null, made: 0 };
}

function candidates({ list, counts, booted }: Machine): (Candidate & { readonly name: string })[] {
  return list.map(({ name, mark }) => ({
    name,
    stateroot: 'os',
    standing: standingOf(mark, counts, name === booted),
  }));
}

/** Writes a list as the boot entries are written. */
function write(at: Machine, next: readonly { readonly name: string; readonly isBad: boolean }[]): void {
  const known = candidates(at);
  const listed = next.map(({ name }) => {
    const standing = known.find((one) => one.name === name)?.standing;
    return {
      stateroot: 'os',
      standing: standing ?? { kind: 'unknown' as const },
      isNew: standing === undefined,
    };
  });
  const marks = marksOf(listed, { tries: at.tries, newId: () => `trial-${++at.made}` });
  at.list = next.map((one, place) => ({ ...one, mark: marks[place] ?? null }));
}

function deploy(at: Machine, isBad: boolean): void {
  const known = candidates(at);
  const runs = Math.max(
    0,
    at.list.findIndex(({ name }) => name === at.booted),
  );
  const kept = lastToKeep(known, (place) => place === runs, 'os');
  const others = at.list.filter((_, place) => place === runs || place === kept);
  write(at, [{ name: `made-${++at.made}`, isBad }, ...others]);
}

/** What the boot loader does. */
function load(at: Machine): void {
  at.booted = null;
  const list = candidates(at);
  const place = bootsNext(list);
  const counted = countDown(list);
  if (counted !== null) at.counts.set(counted.id, counted.left);
  at.booted = at.list[place]?.name ?? null;
}

/** What the unit does after the boot. */
function settleAndMark(at: Machine): void {
  const place = at.list.findIndex(({ name }) => name === at.booted);
  const order = settledOrder(candidates(at), place);
  if (order !== null)
    write(
      at,
      order.flatMap((old) => at.list[old] ?? []),
    );
  const running = at.list.find(({ name }) => name === at.booted);
  if (running?.mark?.kind === 'trial' && !running.isBad) at.counts.set(running.mark.trial.id, 'good');
}

function setDefault(at: Machine, place: number): void {
  const target = at.list[place % at.list.length];
  if (target !== undefined) write(at, [target, ...at.list.filter((one) => one !== target)]);
}

const actions = fc.array(
  fc.oneof(
    fc.boolean().map((isBad) => (at: Machine) => deploy(at, isBad)),
    fc.nat(3).map((place) => (at: Machine) => setDefault(at, place)),
    // A power cut before the unit ran.
    fc.constant(load),
    fc.constant((at: Machine) => {
      load(at);
      settleAndMark(at);
    }),
  ),
  { maxLength: 30 },
);
const tries = fc.integer({ min: 1, max: 5 });

/** Boots unattended, after anything that people did; the names of what ran. */
function unattended(at: Machine, boots: number): string[] {
  return Array.from({ length: boots }, () => {
    load(at);
    settleAndMark(at);
    return at.booted ?? '';
  });
}

test('no deployment that was left boots again by itself, and none that has failed', () => {
  fc.assert(
    fc.property(tries, actions, (most, done) => {
      const at = machine(most);
      for (const action of done) action(at);
      at.booted = null;
      const failed = candidates(at)
        .filter(({ standing }, place, list) => standing.kind === 'failed' && fallbackOf(list, place) !== null)
        .map(({ name }) => name);
      const ran = unattended(at, most + 3);
      const changes = ran.filter((name, index) => name !== ran[index - 1]);
      expect(new Set(changes).size).toBe(changes.length);
      expect(changes.length <= 2).toBe(true);
      expect(ran.filter((name) => failed.includes(name))).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

test('after a bad update the machine is back on a deployment that is not on trial, after as many boots as it had tries', () => {
  fc.assert(
    fc.property(tries, actions, (most, done) => {
      const at = machine(most);
      for (const action of done) action(at);
      deploy(at, true);
      const fresh = at.list[0]?.name ?? '';
      const ran = unattended(at, most + 2);
      expect(ran.slice(0, most)).toEqual(Array.from({ length: most }, () => fresh));
      expect(ran.slice(most)).not.toContain(fresh);
      expect(at.list[0]?.name).toBe(ran.at(-1));
      expect(candidates(at).find(({ name }) => name === fresh)?.standing.kind).toBe('failed');
    }),
    { numRuns: 2000 },
  );
});

test('after a good update it stays, whatever was before', () => {
  fc.assert(
    fc.property(tries, actions, fc.nat(4), (most, done, cuts) => {
      const at = machine(most);
      for (const action of done) action(at);
      deploy(at, false);
      const fresh = at.list[0]?.name ?? '';
      for (let cut = 0; cut < Math.min(cuts, most - 1); cut++) load(at);
      expect(new Set(unattended(at, most + 2))).toEqual(new Set([fresh]));
      expect(candidates(at)[0]?.standing.kind).toBe('good');
    }),
    { numRuns: 2000 },
  );
});
