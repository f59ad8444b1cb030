/** Renders progress: a redrawn line on a terminal, a line a stage in a pipe, JSON lines on `--progress-fd`. */
import type { Progress, ProgressEvent } from '#layering/progress.ts';
import { scriptTitle } from '#layering/script-record.ts';
import { oneLine, shownWord } from '#cli/report-error.ts';

export interface ReportOptions {
  readonly isTerminal: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Writes one JSON line; null where `--progress-fd` was not given. */
  readonly json: ((line: string) => void) | null;
  /** Milliseconds, of any steady clock. */
  readonly now: () => number;
}

export interface Reporter {
  readonly progress: Progress;
  /** Ends a line that is being redrawn. */
  finish(): void;
}

/** At most this often is the line redrawn: every 200 ms. */
const REDRAW_MS = 200;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\x1b[K';

export function makeReporter(err: (text: string) => void, options: ReportOptions): Reporter {
  const line = { drawn: false, lastDraw: -Infinity, label: '' };
  const end = (): void => {
    if (line.drawn) err(CLEAR_LINE);
    line.drawn = false;
  };
  const print = (text: string): void => {
    end();
    err(`${oneLine(text)}\n`);
  };
  const amount = (event: Extract<ProgressEvent, { kind: 'amount' }>): void => {
    if (!options.isTerminal || options.quiet) return;
    const now = options.now();
    if (now - line.lastDraw < REDRAW_MS && event.done !== event.total) return;
    line.lastDraw = now;
    line.drawn = true;
    err(`${CLEAR_LINE}${line.label} ${amountText(event)}`);
  };
  return {
    progress(event) {
      options.json?.(`${JSON.stringify(event)}\n`);
      switch (event.kind) {
        case 'stage':
          line.label = oneLine(event.text);
          line.lastDraw = -Infinity;
          if (!options.quiet) print(event.text);
          return;
        case 'amount':
          return amount(event);
        case 'output':
          if (!options.verbose) return;
          for (const said of event.text.trimEnd().split('\n'))
            print(`${event.package} %${event.script}| ${said}`);
          return;
        case 'script':
          if (options.verbose) print(scriptTitle(event));
          return;
        case 'note':
          if (!options.quiet) print(event.text);
          return;
        case 'warning':
          return print(`warning: ${event.text}`);
        default:
          return event satisfies never;
      }
    },
    finish: end,
  };
}

/** `[#####-----]  50% 1.0/2.0 MB name`. */
export function amountText(event: Extract<ProgressEvent, { kind: 'amount' }>): string {
  const counted = (value: number): string =>
    event.unit === 'bytes' ? (value / 1e6).toFixed(1) : String(value);
  const unit = event.unit === 'bytes' ? ' MB' : '';
  const item = event.item === undefined ? '' : ` ${oneLine(event.item)}`;
  if (event.total === null || event.total === 0) return `${counted(event.done)}${unit}${item}`;
  const share = Math.min(event.done / event.total, 1);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`;
  const percent = `${Math.floor(share * 100)}%`.padStart(5);
  return `${bar}${percent} ${counted(event.done)}/${counted(event.total)}${unit}${item}`;
}

/** `12.3 MB`, `340 kB`, `12 bytes`: sizes for people. */
export function sizeText(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} bytes`;
}

/** `2026-01-31T12:00:00Z`, from seconds since the epoch. */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}

/** `1 package`, `2 packages`. */
export function countText(count: number): string {
  return `${count} package${count === 1 ? '' : 's'}`;
}

/** Rows as columns, two blanks apart; the last column is not padded. A cell stays on its line, whatever it holds. */
export function tableText(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(shownWord));
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  '),
    )
    .map((row) => `${row.trimEnd()}\n`)
    .join('');
}
