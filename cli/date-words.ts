/**
 * Dates as people and ostree(1) write them, in the forms of GNU date's parser: `2005-10-29 12:43:29 +0000`,
 * `October 25 1985`, `1 week ago`, `yesterday 14:00`, `next friday`, `@1234567890`. English, as there.
 */

interface Moment {
  year: number;
  /** Whether the text named the year. */
  hasYear: boolean;
  /** 1 to 12. */
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  /** Minutes east of UTC; null: the machine's time zone. */
  zone: number | null;
  /** Minutes that the machine is east of UTC now. */
  readonly offset: number;
  /** Where a weekday is named: its number, and of which week from here. */
  weekday: { readonly number: number; readonly ordinal: number } | null;
  /** What is to be added, `seconds` last. */
  readonly later: { year: number; month: number; day: number; seconds: number };
  /** How often each kind of word was met. */
  readonly seen: { date: number; time: number; zone: number; weekday: number; relative: number };
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const MONTH_NAMES =
  'january february march april may june july august september october november december'.split(' ');
const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const ORDINALS =
  'last this next first third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth'.split(' ');
const ORDINAL_NUMBERS = [-1, 0, 1, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/** Hours east of UTC. */
const ZONES: Readonly<Record<string, number>> = {
  utc: 0,
  gmt: 0,
  ut: 0,
  z: 0,
  wet: 0,
  west: 1,
  cet: 1,
  cest: 2,
  eet: 2,
  eest: 3,
  bst: 1,
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
};
const SECONDS_OF: Readonly<Record<string, number>> = { hour: 3600, minute: 60, min: 60, second: 1, sec: 1 };
const DAYS_OF: Readonly<Record<string, number>> = { day: 1, week: 7, fortnight: 14 };
const FROM_TODAY: Readonly<Record<string, number>> = { yesterday: -1, today: 0, now: 0, tomorrow: 1 };

/** Each takes the rest of the text where it starts with that form, and returns whether it makes sense. */
const FORMS: readonly (readonly [
  form: RegExp,
  take: (moment: Moment, found: readonly string[]) => boolean,
])[] = [
  [/^(\d{4})-(\d{1,2})-(\d{1,2})(?:t(?=\d))?/, (at, [, y, m, d]) => setDate(at, y, m, d)],
  [/^(\d{4})(\d{2})(\d{2})(?!\d)(?:t(?=\d))?/, (at, [, y, m, d]) => setDate(at, y, m, d)],
  [/^(\d{1,2})\/(\d{1,2})\/(\d{2,4})(?!\d)/, (at, [, m, d, y]) => setDate(at, y, m, d)],
  [/^(\d{1,2})\/(\d{1,2})(?![\d/])/, (at, [, m, d]) => setDate(at, null, m, d)],
  [
    /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?:\s*([ap])\.?m\b\.?)?(?:\s*([+-])(\d{1,2})(?::?(\d{2}))?(?![\d:\s]*[a-z]))?/,
    setClock,
  ],
  [/^(\d{1,2})\s*([ap])\.?m\b\.?/, (at, [, hour, half]) => setTime(at, [Number(hour), 0, 0], half ?? '')],
  [
    /^(\d{1,2})[\s-]+([a-z]{3,9})\.?[\s,-]+(\d{4})(?![\d:])/,
    (at, [, d, m, y]) => setDate(at, y, monthOf(m), d),
  ],
  [
    /^([a-z]{3,9})\.?\s+(\d{1,2})(?:\s*,\s*|\s+)(\d{4})(?![\d:])/,
    (at, [, m, d, y]) => setDate(at, y, monthOf(m), d),
  ],
  [/^([a-z]{3,9})\.?\s+(\d{1,2})(?![\d:])/, (at, [, m, d]) => setDate(at, null, monthOf(m), d)],
  [/^(\d{1,2})\s*([a-z]{3,9})\b\.?/, (at, [, d, m]) => setDate(at, null, monthOf(m), d)],
  [/^([+-]?)\s*(\d{1,9})?\s*([a-z]+)(\s+ago\b)?/, setRelative],
  [/^([a-z]+)\s+([a-z]+)(\s+ago\b)?/, setOrdinal],
  [/^([a-z]+)\.?,?/, setWord],
  [/^(\d{1,4})(?![\d:])/, setNumber],
];

/**
 * Seconds since the epoch; null for what is no date. `now` in milliseconds. What is not said is now's; where a day is
 * named, but no time, it is midnight.
 */
export function parseDateWords(text: string, now: number): number | null {
  const seconds = /^\s*@(-?\d{1,12})(?:[.,]\d+)?\s*$/.exec(text);
  if (seconds !== null) return Number(seconds[1]);
  const moment = momentOf(new Date(now));
  let rest = text.toLowerCase().trim();
  while (rest !== '') {
    const taken = takeOne(moment, rest);
    if (taken === 0) return null;
    rest = rest.slice(taken).replace(/^[\s,]+/, '');
  }
  const { date, time, zone, weekday } = moment.seen;
  return Math.max(date, time, zone, weekday) > 1 ? null : secondsOf(moment);
}

function takeOne(moment: Moment, rest: string): number {
  for (const [form, take] of FORMS) {
    const found = form.exec(rest);
    if (found !== null && take(moment, found)) return found[0].length;
  }
  return 0;
}

function momentOf(now: Date): Moment {
  return {
    year: now.getFullYear(),
    hasYear: false,
    month: now.getMonth() + 1,
    day: now.getDate(),
    hour: now.getHours(),
    minute: now.getMinutes(),
    second: now.getSeconds(),
    zone: null,
    offset: -now.getTimezoneOffset(),
    weekday: null,
    later: { year: 0, month: 0, day: 0, seconds: 0 },
    seen: { date: 0, time: 0, zone: 0, weekday: 0, relative: 0 },
  };
}

function secondsOf(moment: Moment): number | null {
  const { seen, later, weekday } = moment;
  const hasClock = seen.time > 0 || (seen.relative > 0 && seen.date === 0 && seen.weekday === 0);
  const clock = hasClock ? ([moment.hour, moment.minute, moment.second] as const) : ([0, 0, 0] as const);
  const month = moment.month - 1;
  // A day that its month does not have is no date.
  if (new Date(Date.UTC(moment.year, month, moment.day)).getUTCMonth() !== month) return null;
  const [year, laterMonth] = [moment.year + later.year, month + later.month];
  let day = moment.day + later.day;
  if (weekday !== null && seen.date === 0) {
    const today = new Date(Date.UTC(year, laterMonth, day)).getUTCDay();
    const weeks = weekday.ordinal - (weekday.ordinal > 0 && today !== weekday.number ? 1 : 0);
    day += ((weekday.number - today + 7) % 7) + 7 * weeks;
  }
  // Nothing but `2 months ago` is as many hours from midnight, summer time or not.
  const isAbsolute = seen.date + seen.time + seen.weekday > 0;
  const zone = moment.zone ?? (isAbsolute ? null : moment.offset);
  const milliseconds =
    zone === null
      ? new Date(year, laterMonth, day, ...clock).getTime()
      : Date.UTC(year, laterMonth, day, ...clock) - zone * 60_000;
  const seconds = Math.floor(milliseconds / 1000) + later.seconds;
  return Number.isFinite(seconds) ? seconds : null;
}

function setDate(
  moment: Moment,
  year: string | undefined | null,
  month: number | string | undefined | null,
  day: string | undefined,
): boolean {
  const [m, d] = [Number(month ?? 0), Number(day)];
  if (m < 1 || m > 12 || d < 1 || d > 31) return false;
  moment.seen.date++;
  if (typeof year === 'string') setYear(moment, year);
  moment.month = m;
  moment.day = d;
  return true;
}

/** Two digits as POSIX has them. */
function setYear(moment: Moment, digits: string): void {
  const year = Number(digits);
  moment.hasYear = true;
  moment.year = digits.length === 2 ? year + (year < 69 ? 2000 : 1900) : year;
}

/** A number alone is the year of a date without one, or else hours or HHMM. */
function setNumber(moment: Moment, [, digits = '']: readonly string[]): boolean {
  const { seen, hasYear } = moment;
  if (seen.date > 0 && !hasYear && seen.relative === 0 && (seen.time > 0 || digits.length > 2)) {
    setYear(moment, digits);
    return true;
  }
  const split = digits.length <= 2 ? digits.length : digits.length - 2;
  return setTime(moment, [Number(digits.slice(0, split)), Number(digits.slice(split)), 0], '');
}

function setClock(moment: Moment, found: readonly string[]): boolean {
  const [, hour, minute, second, half, sign, zoneHours, zoneMinutes] = found as readonly (
    string | undefined
  )[];
  if (sign !== undefined && zoneHours !== undefined) {
    const minutes = Number(zoneHours) * 60 + Number(zoneMinutes ?? 0);
    if (minutes > 24 * 60) return false;
    setZone(moment, sign === '-' ? -minutes : minutes);
  }
  return setTime(moment, [Number(hour), Number(minute), Number(second ?? 0)], half ?? '');
}

function setTime(
  moment: Moment,
  [hour, minute, second]: readonly [number, number, number],
  half: string,
): boolean {
  if (minute > 59 || second > 60) return false;
  if (half === '' ? hour > 23 : hour < 1 || hour > 12) return false;
  moment.seen.time++;
  moment.hour = half === '' ? hour : (hour % 12) + (half === 'p' ? 12 : 0);
  moment.minute = minute;
  moment.second = second;
  return true;
}

function setZone(moment: Moment, minutes: number): void {
  moment.seen.zone++;
  moment.zone = minutes;
}

function setRelative(moment: Moment, found: readonly string[]): boolean {
  const [, sign = '', number, unit = '', ago] = found as readonly (string | undefined)[];
  if (number === undefined && sign !== '') return false;
  const amount = Number(number ?? 1) * ((sign === '-') === (ago === undefined) ? -1 : 1);
  return addUnits(moment, unit, amount);
}

function setOrdinal(moment: Moment, found: readonly string[]): boolean {
  const [, ordinal = '', name = '', ago] = found as readonly (string | undefined)[];
  const number = ORDINAL_NUMBERS[ORDINALS.indexOf(ordinal)];
  if (number === undefined) return false;
  const weekday = weekdayOf(name);
  if (weekday >= 0 && ago === undefined) return setWeekday(moment, weekday, number);
  return addUnits(moment, name, ago === undefined ? number : -number);
}

function setWord(moment: Moment, [, word = '']: readonly string[]): boolean {
  const days = FROM_TODAY[word];
  if (days !== undefined) return addUnits(moment, 'day', days);
  const weekday = weekdayOf(word);
  if (weekday >= 0) return setWeekday(moment, weekday, 0);
  const hours = ZONES[word];
  if (hours === undefined) return false;
  setZone(moment, hours * 60);
  return true;
}

function setWeekday(moment: Moment, number: number, ordinal: number): boolean {
  moment.seen.weekday++;
  moment.weekday = { number, ordinal };
  return true;
}

function addUnits({ later, seen }: Moment, name: string, amount: number): boolean {
  const unit = name.length > 3 && name.endsWith('s') ? name.slice(0, -1) : name;
  const seconds = SECONDS_OF[unit];
  const days = DAYS_OF[unit];
  if (seconds !== undefined) later.seconds += seconds * amount;
  else if (days !== undefined) later.day += days * amount;
  else if (unit === 'month') later.month += amount;
  else if (unit === 'year') later.year += amount;
  else return false;
  seen.relative++;
  return true;
}

/** 1 to 12; null for what is no month. */
function monthOf(name: string | undefined): number | null {
  const short = MONTHS.indexOf(name === 'sept' ? 'sep' : (name ?? ''));
  const long = MONTH_NAMES.indexOf(name ?? '');
  return short < 0 && long < 0 ? null : Math.max(short, long) + 1;
}

function weekdayOf(name: string): number {
  const short = ['tues', 'wednes', 'thur', 'thurs'].find((one) => one === name);
  return name.length < 3
    ? -1
    : WEEKDAYS.findIndex(
        (day) => day === name || day.slice(0, 3) === name || (short !== undefined && day.startsWith(short)),
      );
}
