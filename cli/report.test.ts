import { expect, test } from 'vitest';
import { makeReporter, sizeText, tableText, type ReportOptions } from '#cli/report.ts';
import type { ProgressEvent } from '#layering/progress.ts';

const EVENTS: readonly ProgressEvent[] = [
  { kind: 'stage', stage: 'download', text: 'Downloading 2 packages' },
  { kind: 'amount', stage: 'download', unit: 'bytes', done: 1e6, total: 4e6, item: 'strace' },
  { kind: 'amount', stage: 'download', unit: 'bytes', done: 2e6, total: 4e6, item: 'strace' },
  { kind: 'amount', stage: 'download', unit: 'bytes', done: 4e6, total: 4e6 },
  { kind: 'output', package: 'a', script: 'post', text: 'hello\nyou\n' },
  {
    kind: 'script',
    package: 'a',
    script: 'post',
    seconds: 1.234,
    ending: 'exit code 1',
    output: 'hello\nyou\n',
  },
  { kind: 'warning', text: 'odd\x1b[2J' },
];

function render(options: Partial<ReportOptions>): string {
  let text = '';
  const reporter = makeReporter((piece) => (text += piece), {
    isTerminal: false,
    quiet: false,
    verbose: false,
    json: null,
    now: () => 0,
    ...options,
  });
  EVENTS.forEach(reporter.progress);
  reporter.finish();
  return text;
}

test('in a pipe: a line a stage', () => {
  expect(render({})).toBe('Downloading 2 packages\nwarning: odd\\x1b[2J\n');
  expect(render({ quiet: true })).toBe('warning: odd\\x1b[2J\n');
  expect(render({ verbose: true })).toContain('a %post| hello\na %post| you\na %post: 1.23 s, exit code 1\n');
});

test('on a terminal: one line, redrawn at most every 200 ms and at the end', () => {
  const clear = '\r\x1b[K';
  expect(render({ isTerminal: true })).toBe(
    'Downloading 2 packages\n' +
      `${clear}Downloading 2 packages [######------------------]  25% 1.0/4.0 MB strace` +
      `${clear}Downloading 2 packages [########################] 100% 4.0/4.0 MB` +
      `${clear}warning: odd\\x1b[2J\n`,
  );
});

test('for programs: every event as a JSON line', () => {
  const lines: string[] = [];
  render({ json: (line) => lines.push(line) });
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(EVENTS);
});

test('sizes and tables for people', () => {
  expect([12, 340_000, 12_340_000].map(sizeText)).toEqual(['12 bytes', '340 kB', '12.3 MB']);
  expect(
    tableText([
      ['a', 'b'],
      ['long', ''],
    ]),
  ).toBe('a     b\nlong\n');
  expect(tableText([['a\nb', '\u001b[2J']])).toBe('a\\x0ab  \\x1b[2J\n');
});
