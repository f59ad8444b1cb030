/** Versions of packages and how RPM orders them (rpm-version(7)). Pure. */

export interface Evr {
  readonly epoch: number;
  readonly version: string;
  /** Absent where a dependency names none: it then matches any. */
  readonly release?: string;
}

/** `[EPOCH:]VERSION[-RELEASE]`; what stands before the first colon is an epoch only where it is a number. */
export function parseEvr(text: string): Evr {
  const colon = /^([0-9]*):/.exec(text);
  const rest = text.slice(colon?.[0].length ?? 0);
  const epoch = Number(colon?.[1] ?? 0);
  const dash = rest.lastIndexOf('-');
  if (dash < 0) return { epoch, version: rest };
  return { epoch, version: rest.slice(0, dash), release: rest.slice(dash + 1) };
}

/** The epoch is left out where it is 0. */
export function formatEvr({ epoch, version, release }: Evr): string {
  return `${epoch === 0 ? '' : `${epoch}:`}${version}${release === undefined ? '' : `-${release}`}`;
}

/** Negative where `a` is older, 0 where neither is newer. A release is compared only where both have one. */
export function compareEvr(a: Evr, b: Evr): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  const byVersion = compareVersions(a.version, b.version);
  if (byVersion !== 0 || a.release === undefined || b.release === undefined) return byVersion;
  return compareVersions(a.release, b.release);
}

/**
 * Orders two versions (or releases) segment by segment: numbers as numbers, words bytewise, a number above a word;
 * `~` comes before the end of the text, `^` right after it; everything else only separates.
 */
export function compareVersions(a: string, b: string): number {
  const left = segments(a);
  const right = segments(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = compareSegments(left[i], right[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function segments(text: string): string[] {
  return text.match(/[0-9]+|[A-Za-z]+|[~^]/g) ?? [];
}

function compareSegments(a: string | undefined, b: string | undefined): number {
  const rankA = rank(a);
  const rankB = rank(b);
  if (rankA !== rankB) return rankA - rankB;
  if (a === undefined || b === undefined || rankA < NUMBER_OR_WORD) return 0;
  const numbers = Number(isNumber(a)) - Number(isNumber(b));
  if (numbers !== 0) return numbers;
  const [x, y] = isNumber(a) ? [a.replace(/^0+/, ''), b.replace(/^0+/, '')] : [a, b];
  if (isNumber(a) && x.length !== y.length) return x.length - y.length;
  return x < y ? -1 : x > y ? 1 : 0;
}

const NUMBER_OR_WORD = 3;

function rank(segment: string | undefined): number {
  if (segment === undefined) return 1;
  return segment === '~' ? 0 : segment === '^' ? 2 : NUMBER_OR_WORD;
}

function isNumber(segment: string): boolean {
  return segment.charCodeAt(0) <= 57;
}
