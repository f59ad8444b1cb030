import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { parseDateWords } from '#cli/date-words.ts';

const zone = process.env['TZ'];
afterEach(() => {
  if (zone === undefined) delete process.env['TZ'];
  else process.env['TZ'] = zone;
});

const ABSOLUTE = [
  '@1234567890',
  '@-5',
  '2005-10-29 12:43:29 +0000',
  '2005-10-29T12:43:29Z',
  '2005-10-29T12:43:29.25+02:00',
  '2005-10-29',
  '20051029',
  '2005-10-29 12:43',
  '2005-10-29 12:43 -0330',
  '2020-01-01T00:00:00Z',
  'October 25 1985',
  'October 21 2015',
  'November 05 1955',
  'Oct 5, 1985',
  '25 October 1985',
  '25 Oct 1985 10:15 PM',
  '25-Oct-1985',
  'Sat, 29 Oct 2005 12:43:29 +0000',
  'Sat Oct 29 12:43:29 UTC 2005',
  '10/29/2005',
  'Oct 29 12:43 2005',
  '2005-10-29 1530',
  '2005-10-29 8',
  '10/29/05 3pm',
  '2005-10-29 12:43:29 PST',
  '2005-10-29 +1 day',
  '2005-10-29 12:00 2 weeks ago',
  '2005-01-31 +1 month',
  '2005-10-29 next week',
  '2024-03-31 00:30 tomorrow',
];
const RELATIVE = [
  'now',
  'today',
  'yesterday',
  'tomorrow',
  '1 week ago',
  '2 weeks ago',
  '3 days ago',
  '90 minutes ago',
  '1 year ago',
  '2 months ago',
  'last month',
  'next year',
  'fortnight ago',
  '+2 hours',
  '-1 day',
  '14:00',
  'yesterday 14:00',
  'monday',
  'next friday',
  'last thursday',
  'third tuesday',
  '12:00 UTC',
  'October 25',
  '25 oct',
  '',
];
const NONE = [
  'BACON',
  '2005-13-01',
  '2005-02-30',
  '25:00',
  '12:61',
  '1 fortnite ago',
  'October 99',
  '2005-10-29 2005-10-30',
  '10:00 11:00',
  'monday tuesday',
  'xy 2005-10-29',
  'ago',
  '13pm',
  '@',
  '@1x',
];

/** GNU date's answer, whose time now is `now`. */
function gnuDate(text: string, zone: string): number | null {
  try {
    const args = ['-d', text, '+%s'];
    const env = { PATH: process.env['PATH'], TZ: zone, LC_ALL: 'C' };
    return Number(execFileSync('date', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return null;
  }
}

test.each(['UTC', 'Europe/Berlin', 'America/New_York'])('as GNU date in %s', (zone) => {
  process.env['TZ'] = zone;
  for (const text of [...ABSOLUTE, ...NONE])
    expect(`${text}: ${parseDateWords(text, Date.now())}`).toBe(`${text}: ${gnuDate(text, zone)}`);
  for (const text of RELATIVE) {
    // The clock may go on between the two.
    const [before, theirs] = [parseDateWords(text, Date.now()), gnuDate(text, zone)];
    const after = parseDateWords(text, Date.now());
    expect(theirs, text).not.toBeNull();
    expect(
      [before, after].every((ours) => ours !== null),
      text,
    ).toBe(true);
    expect(theirs, text).toBeGreaterThanOrEqual(before ?? Infinity);
    expect(theirs, text).toBeLessThanOrEqual(after ?? -Infinity);
  }
});
