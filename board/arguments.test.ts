import { parseVerbArguments } from '#board/arguments.ts';
import { expect, test } from '#test/both-engines.ts';

const KNOWN = { values: ['--append'], flags: ['--json'], operands: 1 };

test('values may stand after a space or an equals sign, and several times', () => {
  const args = parseVerbArguments(['--append', 'a=b', '3', '--append=c=d', '--sysroot=/x', '--json'], KNOWN);
  expect(args.values.get('--append')).toEqual(['a=b', 'c=d']);
  expect(args.sysroot).toBe('/x');
  expect(args.operands).toEqual(['3']);
  expect(args.flags.has('--json')).toBe(true);
});

test('what follows -- is no option', () => {
  expect(parseVerbArguments(['--', '--json'], KNOWN).operands).toEqual(['--json']);
});

test.each([
  [['--append'], '--append needs a value'],
  [['--nothing'], "unknown option '--nothing'"],
  [['--json=1'], "unknown option '--json=1'"],
  [['1', '2'], "unexpected argument '2'"],
] as const)('%j is refused', (words, message) => {
  expect(() => parseVerbArguments(words, KNOWN)).toThrow(message);
});
