import { verdictLines } from '#test/bench/report.ts';
import type { ImageSizes, PeerFile } from '#test/bench/boot-images.ts';
import type { Times } from '#test/bench/boot-times.ts';
import type { Verdict } from '#test/bench/table.ts';

/** A pair of programs that ran in turn. */
export interface Beside {
  readonly ours: Times;
  readonly peer: Times;
  /** A static program that does nothing. */
  readonly nothing: Times;
  /** A static program that makes the system calls of the sequence and nothing else. */
  readonly calls: Times;
}

export interface BootFigures {
  readonly executable: { readonly bytes: number; readonly compressed: number };
  readonly older: Beside;
  readonly newer: Beside;
  /** 2026.4's program, then its libraries. */
  readonly peerFiles: readonly PeerFile[];
  readonly images: ImageSizes;
  readonly runs: number;
  readonly machine: string;
}

/** The wanted figures (bytes, ratios, KiB). */
const WANTED = { bytes: 520_000, compressed: 240_000, older: 1, newer: 0.2, peakKib: 2048 };

/** Side by side, as a markdown table. */
export function bootTable({ executable, older, newer, peerFiles, images }: BootFigures): string {
  const [program, ...libraries] = peerFiles;
  const rows = [
    ['', 'compact `ostree-prepare-root`', 'C, 2022.7', 'C, 2026.4'],
    ['---', '---:', '---:', '---:'],
    ['executable', kilobytes(executable.bytes), '', kilobytes(program?.bytes ?? NaN)],
    ['compressed with xz -9', kilobytes(executable.compressed), '', ''],
    ['shared libraries', 'none', '', `${libraries.length}, ${kilobytes(sum(libraries))}`],
    ['whole sequence, beside 2022.7', wallText(older.ours), wallText(older.peer), ''],
    ['whole sequence, beside 2026.4', wallText(newer.ours), '', wallText(newer.peer)],
    ['peak memory', peak(older.ours), peak(older.peer), peak(newer.peer)],
    ['initramfs (dracut, systemd, gzip)', kilobytes(images.ours), '', kilobytes(images.peer)],
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function bootVerdicts({ executable, older, newer, images }: BootFigures): Verdict[] {
  const ratios = { older: ratio(older), newer: ratio(newer) };
  return [
    atMost('executable, bytes', executable.bytes, WANTED.bytes),
    atMost('executable with xz -9, bytes', executable.compressed, WANTED.compressed),
    atMost('whole sequence, share of the time of 2022.7', ratios.older, WANTED.older),
    atMost('whole sequence, share of the time of 2026.4', ratios.newer, WANTED.newer),
    atMost('peak memory, KiB', Math.max(older.ours.peakKib, newer.ours.peakKib), WANTED.peakKib),
    atMost('initramfs, share of the size of that with 2026.4', images.ours / images.peer, 1),
  ];
}

/** docs/bench-prepare-root.md. */
export function bootReportText(figures: BootFigures): string {
  const { runs, machine, images, older, newer } = figures;
  const added = images.added
    .map(({ source }) => `\`${source.slice(source.lastIndexOf('/') + 1)}\``)
    .join(', ');
  const middle = (pick: (pair: Beside) => Times): string =>
    [older, newer].map((pair) => `${median(pick(pair)).toFixed(2)} ms`).join(' and ');
  return `# Bench of prepare-root

Written by \`npm run bench\` (alone: \`npm run bench -- --only prepare-root\`). ${machine}.

The whole sequence is one boot of a plain deployment, from the start of the program to its exit, in a small initramfs with a
new mount namespace and an empty /run each time; the programs run in turn, ${runs} times each. The table has the median and,
in brackets, the fastest run and that which one in ten exceeds. A static program that does nothing takes ${middle(({ nothing }) => nothing)} in the
same two places, and one that makes the system calls of our sequence and nothing else ${middle(({ calls }) => calls)}: what is
above that is the engine, about half of it before the first line of ours runs. Memory is the largest resident set. The two images of dracut have the same modules,
drivers and options; the peer's has the C program of 2026.4 and those of its libraries that the image does not have anyway:
${added}.

${bootTable(figures)}

${verdictLines(bootVerdicts(figures))}

A fifth of 2026.4's time is ${(WANTED.newer * median(newer.peer)).toFixed(2)} ms. Starting a process does not rule it out: the program that makes the same
system calls takes ${median(newer.calls).toFixed(2)} ms. It would leave ${(WANTED.newer * median(newer.peer) - median(newer.calls)).toFixed(2)} ms for the engine, which takes ${(median(newer.ours) - median(newer.calls)).toFixed(2)} ms now.
`;
}

function atMost(what: string, value: number, limit: number): Verdict {
  const text = value < 10 ? value.toFixed(2) : value.toLocaleString('en-US');
  return { text: `${what}: ${text} (wanted: at most ${limit.toLocaleString('en-US')})`, met: value <= limit };
}

function ratio({ ours, peer }: Beside): number {
  return median(ours) / median(peer);
}

function median(times: Times): number {
  return at(times, 0.5);
}

function at({ wall }: Times, share: number): number {
  return wall[Math.floor((wall.length - 1) * share)] ?? NaN;
}

function wallText(times: Times): string {
  const [low, middle, high] = [0, 0.5, 0.9].map((share) => at(times, share).toFixed(2));
  return `${middle} ms (${low}–${high})`;
}

function peak({ peakKib }: Times): string {
  return `${(peakKib / 1024).toFixed(1)} MiB`;
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000).toLocaleString('en-US')} kB`;
}

function sum(files: readonly PeerFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}
