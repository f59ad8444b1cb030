import { describe, expect, test } from '#test/both-engines.ts';
import { findOstreeTarget, kernelArgument, ostreeTarget } from '#prepare-root/cmdline.ts';

describe('a kernel argument', () => {
  test.for([
    ['ostree=/a', 'ostree', '/a'],
    ['  root=x   ostree=/a  quiet\n', 'ostree', '/a'],
    ['ostree=/a ostree=/b', 'ostree', '/a'],
    ['ostree=', 'ostree', ''],
    ['ostree', 'ostree', null],
    ['xostree=/a', 'ostree', null],
    ['ostree=a=b', 'ostree', 'a=b'],
    ['root="x ostree=/a"', 'ostree', '/a"'],
    ['root=x\tostree=/a', 'ostree', null],
    ['root=x\nostree=/a', 'ostree', null],
    ['', 'ostree', null],
  ] as const)('%j: %s', ([cmdline, key, value]) => {
    expect(kernelArgument(cmdline, key)).toBe(value);
  });
});

describe('the target', () => {
  test.for([
    ['ostree=/ostree/boot.1/os/abc/0', '/ostree/boot.1/os/abc/0'],
    ['androidboot.slot_suffix=_a ostree=/x', '/ostree/root.a'],
    ['ostree=/x androidboot.slot_suffix=_b', '/ostree/root.b'],
    ['androidboot.mode=normal ostree=true', '/ostree/root.a'],
    ['ostree=', null],
    ['quiet', null],
  ] as const)('%j', ([cmdline, target]) => {
    expect(findOstreeTarget(cmdline)).toBe(target);
  });

  test('none, and a slot that cannot be', () => {
    expect(() => ostreeTarget('quiet')).toThrow('No ostree target found');
    expect(() => ostreeTarget('androidboot.slot_suffix=_c')).toThrow('androidboot.slot_suffix invalid: _c');
  });
});
