import { describe, expect, test } from '#test/both-engines.ts';
import { reportFailure } from '#prepare-root/report-failure.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import type { Syscalls } from '#native/syscalls.ts';

function printed(error: unknown): string {
  let text = '';
  const sys = { write: (_fd: number, more: string) => (text += more) } as unknown as Syscalls;
  expect(reportFailure(sys, 'program', error)).toBe(1);
  return text;
}

describe('an error of the system or the input', () => {
  test('is one line and its hint', () => {
    const cause = Object.assign(new Error('mount: Invalid argument'), { code: 'EINVAL' });
    const error = new UserError('BOOT_STEP_FAILED', 'Failed to\nmount', { hint: 'do', cause });
    expect(printed(error)).toBe('program: Failed to?mount\nhint: do\n');
    expect(printed(cause)).toBe('program: mount: Invalid argument\n');
  });
});

describe('an error of the program', () => {
  const failing = (): unknown => (null as unknown as { member: unknown }).member;
  const caught = (action: () => unknown): unknown => {
    try {
      return action();
    } catch (error) {
      return error;
    }
  };

  test('is told with its place', () => {
    const [message, place] = printed(caught(failing)).split('\n');
    expect(message?.startsWith('program: internal: ')).toBe(true);
    expect(place?.startsWith('    at failing (')).toBe(true);
    expect(place?.includes('prepare-root/report-failure.test.ts:')).toBe(true);
  });

  test('also where others have said what they were doing', () => {
    const [message, place] = printed(caught(() => during('reading', failing))).split('\n');
    expect(message?.startsWith('program: internal: reading: ')).toBe(true);
    expect(place?.startsWith('    at failing (')).toBe(true);
  });
});
