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
  type Standing,
} from '#bootloader/fallback.ts';
import { expect, test } from '#test/both-engines.ts';

const GOOD: Standing = { kind: 'good' };
const FAILED: Standing = { kind: 'failed' };
const UNKNOWN: Standing = { kind: 'unknown' };
const TRIAL: Mark = { kind: 'trial', trial: { id: 'a', tries: 3 } };
const trial = (left: number): Standing => ({ ...TRIAL, left });

function list(...standings: readonly (Standing | readonly [string, Standing])[]): Candidate[] {
  return standings.map((one) =>
    'kind' in one ? { stateroot: 'os', standing: one } : { stateroot: one[0], standing: one[1] },
  );
}

test.each([
  ['an entry without a mark', null, undefined, false, UNKNOWN],
  ['a trial that nobody counted', TRIAL, undefined, false, trial(3)],
  ['two tries used', TRIAL, 1, false, trial(1)],
  ['the last try runs', TRIAL, 0, true, trial(0)],
  ['the last try is over', TRIAL, 0, false, FAILED],
  ['marked good', TRIAL, 'good', false, GOOD],
  ['more left than there were', TRIAL, 9, false, trial(3)],
  ['a mark of an earlier swap', { kind: 'good' }, undefined, false, GOOD],
  ['failed stays failed', { kind: 'failed' }, undefined, true, FAILED],
] as const)('%s', (_name, mark, count, isBooted, standing) => {
  const counts = new Map(count === undefined ? [] : [['a', count] as const]);
  expect(standingOf(mark, counts, isBooted)).toEqual(standing);
});

test.each([
  ['a good one before an unknown one', list(FAILED, UNKNOWN, GOOD), 2],
  ['an unknown one', list(FAILED, trial(3), FAILED, UNKNOWN), 3],
  ['none on trial and none failed', list(FAILED, trial(3), FAILED), null],
  ['none of another stateroot', list(FAILED, ['other', GOOD]), null],
] as const)('fallen back to is %s', (_name, candidates, place) => {
  expect(fallbackOf(candidates, 0)).toBe(place);
  expect(bootsNext(candidates)).toBe(place ?? 0);
});

test('a try is counted only where there is something to fall back to', () => {
  expect(countDown(list(trial(3), GOOD))).toEqual({ id: 'a', left: 2 });
  expect(countDown(list(trial(1), UNKNOWN))).toEqual({ id: 'a', left: 0 });
  expect(countDown(list(trial(3), FAILED))).toBeNull();
  expect(countDown(list(GOOD, trial(2)))).toBeNull();
});

test.each([
  ['a new one is on trial', [UNKNOWN, GOOD], [true, false], ['trial new', 'good']],
  ['the only one is not', [UNKNOWN], [true], [null]],
  ['nor one before failed ones only', [UNKNOWN, FAILED], [true, false], [null, 'failed']],
  ['a new one that comes second is', [GOOD, UNKNOWN], [false, true], ['good', 'trial new']],
  ['a trial goes on', [trial(1), GOOD], [false, false], ['trial a', 'good']],
  ['a failed one that comes first is tried again', [FAILED, GOOD], [false, false], ['trial new', 'good']],
  ['other kernel arguments are tried', [GOOD, GOOD], [true, false], ['trial new', 'good']],
  ['what is not known stays so', [UNKNOWN, UNKNOWN], [false, false], [null, null]],
] as const)('%s', (_name, standings, areNew, expected) => {
  const listed = standings.map((standing, at) => ({ stateroot: 'os', standing, isNew: areNew[at] === true }));
  const marks = marksOf(listed, { tries: 2, newId: () => 'new' });
  expect(
    marks.map((mark) => (mark?.kind === 'trial' ? `trial ${mark.trial.id}` : (mark?.kind ?? null))),
  ).toEqual(expected);
  expect(marksOf(listed, { tries: null, newId: () => 'new' })).toEqual(standings.map(() => null));
});

test.each([
  ['the running one becomes the default', list(FAILED, GOOD), 1, [1, 0]],
  ['failed ones go last', list(FAILED, FAILED, UNKNOWN, GOOD), 3, [3, 2, 0, 1]],
  ['the default runs', list(trial(0), GOOD), 0, null],
  ['another was chosen by hand during the trial', list(trial(1), GOOD), 1, null],
  ['one on trial runs, chosen by hand', list(FAILED, trial(1), GOOD), 1, null],
  ['nothing of it runs', list(FAILED, GOOD), null, null],
] as const)('after a fallback: %s', (_name, candidates, booted, order) => {
  expect(settledOrder(candidates, booted)).toEqual(order);
});

test.each([
  ['the running one is good', list(GOOD, UNKNOWN), [0], null],
  ['the running one is on trial', list(trial(2), UNKNOWN, GOOD), [0], 2],
  ['a good one stays anyway', list(trial(2), UNKNOWN, GOOD), [0, 2], null],
  ['there is none', list(trial(2), FAILED, ['other', GOOD]), [0], null],
] as const)('which one must stay: %s', (_name, before, kept, place) => {
  expect(lastToKeep(before, (at) => (kept as readonly number[]).includes(at), 'os')).toBe(place);
});
