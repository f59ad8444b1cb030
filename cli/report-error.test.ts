import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { reportFailure, shownText, shownWord } from '#cli/report-error.ts';
import { during, UserError } from '#ostree/format/errors.ts';

const quiet = { debug: false };

describe('what a failed run prints', () => {
  test('what was being done, what failed, and the hint', () => {
    const failure = captured(() =>
      during('importing strace', () => {
        throw new UserError('BAD_RPM', 'strace.rpm: the payload is truncated', { hint: 'download it again' });
      }),
    );
    expect(reportFailure(failure, quiet)).toEqual({
      text: 'error: importing strace: strace.rpm: the payload is truncated\nhint: download it again\n',
      exitCode: 1,
    });
  });

  test('control characters of outside text are shown, not obeyed', () => {
    const { text } = reportFailure(new UserError('X', 'name \u001b[2Jhidden\u0007'), quiet);
    expect(text).toBe('error: name \\x1b[2Jhidden\\x07\n');
    const stack = reportFailure(new UserError('X', 'name \u001b[2J'), { debug: true }).text;
    expect(stack).not.toContain('\u001b');
  });

  test('shown text keeps its lines, its letters, and what JSON made of it', () => {
    expect(shownText('grüße ☃ 😀\nnext\r\tline\u009b2J\u007f\n')).toBe(
      'grüße ☃ 😀\nnext\\x0d\\x09line\\u009b2J\\u007f\n',
    );
    expect(shownWord('a\nb\0')).toBe('a\\x0ab\\x00');
    const value = { text: 'a\u0000\n\t\u001b[m\u007f\u0085\u009bé' };
    expect(JSON.parse(shownText(JSON.stringify(value, null, 2)))).toEqual(value);
  });

  test('wrong usage is 2, and the usage error was printed already', () => {
    expect(reportFailure(new CommanderError(1, 'commander.unknownOption', 'x'), quiet)).toEqual({
      text: '',
      exitCode: 2,
    });
    expect(reportFailure(new UserError('USAGE', 'no such verb'), quiet).exitCode).toBe(2);
  });

  test('a reader that has gone is no error worth words', () => {
    const gone = Object.assign(new Error('write: Broken pipe'), { code: 'EPIPE' });
    expect(reportFailure(gone, quiet)).toEqual({ text: '', exitCode: 141 });
  });

  test('the stable code is shown with --debug', () => {
    expect(reportFailure(new UserError('BAD_RPM', 'x'), { debug: true }).text).toContain('\ncode: BAD_RPM\n');
  });

  test('stacks only with --debug, the cause included', () => {
    const error = captured(() => during('a', () => JSON.parse('{') as unknown));
    expect(reportFailure(error, quiet).text.split('\n')).toHaveLength(2);
    expect(reportFailure(error, { debug: true }).text).toContain('caused by SyntaxError');
  });
});

function captured(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
