import { ADV_SIZE, bootOnce, isAdv, withBootOnce } from '#bootloader/syslinux-adv.ts';
import {
  defaultLabels,
  entryLabel,
  syslinuxCounts,
  trialLabel,
  withDefault,
  withOnError,
} from '#bootloader/fallback-syslinux.ts';
import { expect, test } from '#test/both-engines.ts';

const EMPTY = withBootOnce(new Uint8Array(ADV_SIZE), null);

/** A copy with one byte changed. */
function damaged(adv: Uint8Array, at: number): Uint8Array {
  const copy = adv.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

test('what boots once is set, read and taken back', () => {
  expect(isAdv(EMPTY)).toBe(true);
  expect(bootOnce(EMPTY)).toBeNull();
  const set = withBootOnce(EMPTY, 'ostree:trial-1');
  expect(bootOnce(set)).toBe('ostree:trial-1');
  expect(bootOnce(withBootOnce(set, 'other'))).toBe('other');
  expect([...withBootOnce(set, null)]).toEqual([...EMPTY]);
});

test('another item stays', () => {
  const saved = EMPTY.slice();
  // Tag 2: the label that a menu has saved.
  saved.set([2, 3, 97, 98, 99], 8);
  const both = withBootOnce(saved, null);
  // Its sum is wrong: nothing of it counts.
  expect([...both]).toEqual([...EMPTY]);
  const valid = withBootOnce(EMPTY, 'abc').slice();
  valid[8] = 2;
  valid[512 + 8] = 2;
  // The tag is one more, so the sum is one less.
  valid[4] = (valid[4] ?? 0) - 1;
  valid[512 + 4] = (valid[512 + 4] ?? 0) - 1;
  expect(isAdv(valid)).toBe(true);
  expect(bootOnce(valid)).toBeNull();
  const set = withBootOnce(valid, 'x');
  expect(bootOnce(set)).toBe('x');
  expect([...set.slice(8, 16)]).toEqual([2, 3, 97, 98, 99, 1, 1, 120]);
});

test('one damaged copy is passed over, two are none', () => {
  const set = withBootOnce(EMPTY, 'label');
  for (const at of [0, 4, 9, 511]) {
    expect(bootOnce(damaged(set, at))).toBe('label');
    expect(bootOnce(damaged(set, at + 512))).toBe('label');
    expect(isAdv(damaged(damaged(set, at), at + 512))).toBe(false);
  }
  expect(isAdv(new Uint8Array(10))).toBe(false);
});

test('a label that is too long is refused', () => {
  expect(() => withBootOnce(EMPTY, 'x'.repeat(256))).toThrow('no room');
});

const CONFIG =
  'TIMEOUT 10\ndefault ostree-1\nlabel ostree-trial-ab\n\tlinux /a\nlabel ostree-1\n\tlinux /b\n';

test('what a configuration says of its trial', () => {
  const counts = (text: string, once: string | null) => [...syslinuxCounts('extlinux.conf', text, once)];
  expect(counts(CONFIG, 'ostree-trial-ab')).toEqual([['ab', 1]]);
  expect(counts(CONFIG, null)).toEqual([['ab', 0]]);
  expect(counts(withDefault(CONFIG, 'ostree-trial-ab'), null)).toEqual([['ab', 'good']]);
  expect(counts('default ostree-0\n', 'ostree-trial-ab')).toEqual([]);
  expect(entryLabel('extlinux.conf', 0, { trial: { id: 'ab', tries: 1 }, place: 1 })).toBe(
    trialLabel('extlinux.conf', 'ab'),
  );
});

test('the default answers to a label that is not there, where nothing else does', () => {
  expect(withOnError(CONFIG)).toContain('default ostree-1\nONERROR ostree-1\nlabel ');
  expect(withOnError(withOnError(CONFIG))).toBe(withOnError(CONFIG));
  expect(withOnError('onerror x\ndefault y\n')).toBe('onerror x\ndefault y\n');
  expect(withOnError('label z\n')).toBe('label z\n');
  expect(defaultLabels('DEFAULT a\n default  b c\n')).toEqual(['a', 'b c']);
});
