import type { Measurement } from '#test/bench/measure.ts';

/** The runs of one side of a comparison. */
export interface Side {
  readonly runs: readonly Measurement[];
  /** fsync and its like in one run; null where it was not counted. */
  readonly syncs: number | null;
}

/** What is to be reached, if anything. */
export type Target =
  | { readonly kind: 'times-faster'; readonly factor: number }
  | { readonly kind: 'at-most-syncs'; readonly count: number }
  | { readonly kind: 'at-most-seconds'; readonly seconds: number };

export interface Row {
  readonly name: string;
  /** How much the work is done on. */
  readonly size: number;
  readonly unit: 'files' | 'packages' | 'deployments';
  readonly ours: Side;
  /** null where there is nothing to compare with. */
  readonly peer: Side | null;
  readonly targets: readonly Target[];
}

/** A named yes or no with the figures it rests on. */
export interface Verdict {
  readonly text: string;
  readonly met: boolean;
}

export function medianWall(side: Side): number {
  return median(side.runs.map((run) => run.wall));
}

/** The rows as a markdown table: medians, the spread of the runs, memory and sync calls side by side. */
export function markdownTable(rows: readonly Row[], peer: string): string {
  const header = [
    '',
    [...new Set(rows.map((row) => row.unit))].join(' or '),
    'yum-ostree',
    peer,
    'ratio',
    'CPU',
    'peak memory',
    'fsync calls',
  ];
  const lines = rows.map((row) => [
    row.name,
    row.size.toLocaleString('en-US'),
    wallText(row.ours),
    row.peer === null ? '' : wallText(row.peer),
    row.peer === null ? '' : `${ratio(row).toFixed(1)} ×`,
    pair(row, (side) => seconds(median(side.runs.map((run) => run.cpu)))),
    pair(row, (side) => `${Math.round(Math.max(...side.runs.map((run) => run.peakKib)) / 1024)} MB`),
    pair(row, (side) => (side.syncs === null ? '–' : String(side.syncs))),
  ]);
  const align = header.map((_, index) => (index === 0 ? '---' : '---:'));
  return [header, align, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Each row's targets, and whether they are met. */
export function verdicts(rows: readonly Row[]): Verdict[] {
  return rows.flatMap((row) => row.targets.map((target) => verdictOf(row, target)));
}

/** Whether the time at the larger size is at most `factor` times that at the smaller one. */
export function growthVerdict(small: Row, large: Row, factor: number): Verdict {
  const growth = medianWall(large.ours) / medianWall(small.ours);
  const sizes = `${large.size.toLocaleString('en-US')} against ${sized(small)}`;
  return {
    text: `${large.name}: ${growth.toFixed(2)} times as long at ${sizes} (wanted: at most ${factor})`,
    met: growth <= factor,
  };
}

/** How many times faster ours is, by the medians. */
export function ratio(row: Row): number {
  return row.peer === null ? NaN : medianWall(row.peer) / medianWall(row.ours);
}

function verdictOf(row: Row, target: Target): Verdict {
  const name = `${row.name}, ${sized(row)}`;
  switch (target.kind) {
    case 'times-faster': {
      const text = `${name}: ${ratio(row).toFixed(1)} times as fast (wanted: at least ${Number(target.factor.toFixed(2))})`;
      return { text, met: ratio(row) >= target.factor };
    }
    case 'at-most-syncs': {
      const syncs = row.ours.syncs ?? Infinity;
      return {
        text: `${name}: ${syncs} fsync calls (wanted: at most ${target.count})`,
        met: syncs <= target.count,
      };
    }
    case 'at-most-seconds': {
      const wall = medianWall(row.ours);
      return {
        text: `${name}: ${seconds(wall)} (wanted: at most ${target.seconds} s)`,
        met: wall <= target.seconds,
      };
    }
    default:
      return target satisfies never;
  }
}

function sized({ size, unit }: Row): string {
  return `${size.toLocaleString('en-US')} ${unit}`;
}

function pair(row: Row, text: (side: Side) => string): string {
  return row.peer === null ? text(row.ours) : `${text(row.ours)} / ${text(row.peer)}`;
}

function wallText(side: Side): string {
  const walls = side.runs.map((run) => run.wall);
  return `${seconds(median(walls))} (${seconds(Math.min(...walls))}–${seconds(Math.max(...walls))})`;
}

function seconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
