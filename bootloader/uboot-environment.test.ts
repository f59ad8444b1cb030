import { parseEnvironmentConfig } from '#bootloader/uboot-environment-config.ts';
import {
  currentCopy,
  decodeCopy,
  encodeCopy,
  nextFlags,
  parseInitialEnvironment,
  withVariables,
  type EnvironmentCopy,
} from '#bootloader/uboot-environment.ts';
import { expect, test } from '#test/both-engines.ts';

const CRC_OF_A = [0x3b, 0x06, 0x98, 0x45];
const VARIABLES = new Map([
  ['bootcmd', 'run a=b'],
  ['empty', ''],
]);

test('what was written is read', () => {
  for (const flags of [null, 7]) {
    const bytes = encodeCopy(VARIABLES, 64, flags);
    expect(bytes).toHaveLength(64);
    const { variables, flags: found } = decodeCopy(bytes, flags !== null);
    expect([...(variables ?? [])]).toEqual([...VARIABLES]);
    expect(found).toBe(flags ?? 0);
  }
});

test('the CRC is that of zlib, and any other byte is found', () => {
  // CRC-32 of `a=1`, two NUL bytes: of Python's zlib.
  const bytes = encodeCopy(new Map([['a', '1']]), 9, null);
  expect([...bytes]).toEqual([...CRC_OF_A, 0x61, 0x3d, 0x31, 0, 0]);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect(decodeCopy(damaged, false).variables).toBeNull();
  }
  for (const size of [0, 3, 4, 5]) expect(decodeCopy(new Uint8Array(size), true).variables).toBeNull();
});

test('variables that do not fit', () => {
  expect(encodeCopy(new Map([['a', '1']]), 9, null)).toHaveLength(9);
  expect(() => encodeCopy(new Map([['a', '1']]), 9, 0)).toThrow('the variables need 10 of 9 bytes');
});

function copy(flags: number, isWhole = true): EnvironmentCopy {
  return { flags, variables: isWhole ? VARIABLES : null };
}

test.each([
  ['incremental', [copy(1), copy(2)], 1],
  ['incremental', [copy(2), copy(1)], 0],
  ['incremental', [copy(255), copy(0)], 1],
  ['incremental', [copy(0), copy(255)], 0],
  ['incremental', [copy(3), copy(3)], 0],
  ['boolean', [copy(1), copy(0)], 0],
  ['boolean', [copy(0), copy(1)], 1],
  ['boolean', [copy(1), copy(1)], 0],
  ['incremental', [copy(1), copy(9, false)], 0],
  ['incremental', [copy(9, false), copy(1)], 1],
  ['boolean', [copy(0, false), copy(0, false)], null],
  ['incremental', [copy(0)], 0],
] as const)('%s: which of %j is in use', (convention, copies, place) => {
  expect(currentCopy(copies, convention)).toBe(place);
});

test('the next flags', () => {
  expect([nextFlags(1, 'incremental'), nextFlags(255, 'incremental')]).toEqual([2, 0]);
  expect([nextFlags(1, 'boolean'), nextFlags(0, 'boolean')]).toEqual([1, 1]);
});

test('variables are set and unset', () => {
  const changed = withVariables(VARIABLES, { empty: null, missing: null, added: 'x' });
  expect([...changed]).toEqual([
    ['bootcmd', 'run a=b'],
    ['added', 'x'],
  ]);
});

test('an initial environment', () => {
  expect([...parseInitialEnvironment('# x\na=b=c\n\nno value\nd=\n')]).toEqual([
    ['a', 'b=c'],
    ['d', ''],
  ]);
});

test('fw_env.config', () => {
  const text = '# two copies\n/dev/mmcblk0\t0x3F0000  0x10000\n\n/dev/mmcblk0 4194304 10000 0x200 # x\n';
  expect(parseEnvironmentConfig(text, 'f')).toEqual([
    { device: '/dev/mmcblk0', offset: 0x3f0000, size: 0x10000 },
    { device: '/dev/mmcblk0', offset: 4194304, size: 0x10000 },
  ]);
});

test.each([
  ['', 'f names 0 places, not one or two'],
  ['/a 0 9\n/b 0 9\n/c 0 9\n', 'f names 3 places'],
  ['/a 0 9\n/b 0 10\n', 'differ in size'],
  ['/a 0', "f: '/a 0' is not 'DEVICE OFFSET SIZE'"],
  ['/a -0x100 0x10', 'is not'],
  ['relative 0 0x10', 'is not'],
  ['/a 0 0x10000000', 'is not'],
  ['/a 0x 9', 'is not'],
  ['/a 08 9', 'is not'],
  ['/a 0 9z', 'is not'],
])('fw_env.config: %j is refused', (text, message) => {
  expect(() => parseEnvironmentConfig(text, 'f')).toThrow(message);
});
