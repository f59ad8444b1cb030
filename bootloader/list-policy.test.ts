import { describe, expect, test } from 'vitest';
import { listWithNew, mergeDeployment, needsNewEntries, type ListPolicy } from '#bootloader/list-policy.ts';
import { assignBootserials } from '#bootloader/entries.ts';
import { chooseBootloader } from '#bootloader/detect.ts';
import { EMPTY_BLS } from '#ostree/format/bls.ts';
import { parseChecksum } from '#ostree/format/checksum.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';

/** `a0`: commit a…, serial 0; `other:a0` of another stateroot; `a0!` pinned. */
function deployment(text: string): Deployment {
  const name = text.replace('!', '').split(':').at(-1) ?? '';
  const checksum = parseChecksum(name.charAt(0).repeat(64));
  return {
    ...{ stateroot: text.includes(':') ? 'other' : 'os', checksum, deployserial: Number(name.slice(1)) },
    ...{
      bootcsum: checksum,
      bootserial: 0,
      index: 0,
      origin: null,
      kargs: ['k', 'ostree=/x'],
      bls: EMPTY_BLS,
    },
    ...{ tries: null, isStaged: false, isBooted: false, isPinned: text.endsWith('!') },
  };
}

function names(list: readonly Deployment[]): string[] {
  return list.map(
    (one) =>
      `${one.stateroot === 'os' ? '' : 'other:'}${one.checksum.charAt(0)}${one.deployserial}${one.isPinned ? '!' : ''}`,
  );
}

describe('listWithNew', () => {
  const cases: readonly [string, string[], string | null, string | null, ListPolicy, string[]][] = [
    ['empty', [], null, null, {}, ['f0']],
    ['not booted: the merge deployment stays', ['a0', 'b0'], null, 'a0', {}, ['f0', 'a0']],
    ['booted: pending and rollback go', ['a0', 'b0', 'c0'], 'b0', 'b0', {}, ['f0', 'b0']],
    [
      'pinned and other stateroots stay',
      ['a0!', 'b0', 'other:c0'],
      'b0',
      'b0',
      {},
      ['f0', 'a0!', 'b0', 'other:c0'],
    ],
    ['retain', ['a0', 'b0', 'c0'], 'b0', 'b0', { retain: true }, ['f0', 'a0', 'b0', 'c0']],
    ['retain pending', ['a0', 'b0', 'c0'], 'b0', 'b0', { retainPending: true }, ['f0', 'a0', 'b0']],
    ['retain rollback', ['a0', 'b0', 'c0'], 'b0', 'b0', { retainRollback: true }, ['f0', 'b0', 'c0']],
    ['not as default', ['a0', 'b0'], 'b0', 'b0', { notAsDefault: true }, ['b0', 'f0']],
    ['not as default without another', [], null, null, { notAsDefault: true }, ['f0']],
    [
      'retain pending without booted or merge keeps all',
      ['a0', 'b0'],
      null,
      null,
      { retainPending: true },
      ['f0', 'a0', 'b0'],
    ],
  ];
  test.each(cases)('%s', (_, list, booted, merge, policy, expected) => {
    const deployments = list.map(deployment);
    const find = (name: string | null): Deployment | null =>
      name === null ? null : (deployments[list.indexOf(name)] ?? null);
    const current = { deployments, booted: find(booted), merge: find(merge) };
    expect(names(listWithNew(deployment('f0'), current, policy))).toEqual(expected);
  });
});

test('the merge deployment is the booted one of that stateroot, else its first', () => {
  const list = ['a0', 'b0', 'other:c0'].map(deployment);
  expect(mergeDeployment(list, list[1] ?? null, 'os')).toBe(list[1]);
  expect(mergeDeployment(list, list[1] ?? null, 'other')).toBe(list[2]);
  expect(mergeDeployment(list, null, 'os')).toBe(list[0]);
  expect(mergeDeployment(list, null, 'none')).toBeNull();
});

test('entries are written anew where a kernel, argument, version, stateroot or the number changes', () => {
  const list = [deployment('a0'), deployment('b0')];
  const noVersion = (): null => null;
  expect(needsNewEntries(list, list, noVersion)).toBe(false);
  const [a, b] = [deployment('a1'), deployment('b0')];
  expect(needsNewEntries(list, [a, b], noVersion)).toBe(false);
  expect(needsNewEntries(list, [a, b], ({ deployserial }) => String(deployserial))).toBe(true);
  expect(needsNewEntries(list, [b, a], noVersion)).toBe(true);
  expect(needsNewEntries(list, [{ ...a, kargs: ['k', 'new', 'ostree=/y'] }, b], noVersion)).toBe(true);
  expect(needsNewEntries(list, [{ ...a, kargs: ['k', 'ostree=/y'] }, b], noVersion)).toBe(false);
  expect(needsNewEntries(list, [a], noVersion)).toBe(true);
});

test('boot serials count the deployments of one kernel', () => {
  expect(assignBootserials(['a0', 'b0', 'a1'].map(deployment)).map(({ bootserial }) => bootserial)).toEqual([
    0, 0, 1,
  ]);
});

describe('chooseBootloader', () => {
  const none = {
    configured: 'auto',
    hasSyslinux: false,
    hasGrub: false,
    hasUboot: false,
    hasBootScript: false,
    hasStaticGrub: false,
  };
  test.each([
    [none, 'none'],
    [{ ...none, hasSyslinux: true, hasGrub: true, hasUboot: true }, 'syslinux'],
    [{ ...none, hasGrub: true, hasUboot: true }, 'grub2'],
    [{ ...none, hasGrub: true, hasStaticGrub: true }, 'none'],
    [{ ...none, configured: 'none', hasGrub: true }, 'none'],
    [{ ...none, configured: 'uboot' }, 'uboot'],
  ])('%j', (facts, expected) => {
    expect(chooseBootloader(facts)).toBe(expected);
  });
  test.each(['zipl', 'nonsense'])('%s is refused', (configured) => {
    expect(() => chooseBootloader({ ...none, configured })).toThrow(configured);
  });
});
