import { verdictLines } from '#test/bench/report.ts';
import { markdownTable, type Row, type Verdict } from '#test/bench/table.ts';

export interface LayeringReport {
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly runs: number;
  readonly machine: string;
}

/** docs/bench-layering.md. */
export function layeringReport({ rows, verdicts, runs, machine }: LayeringReport): string {
  const solves = rows.filter((row) => row.unit === 'packages');
  const installs = rows.filter((row) => row.unit === 'files');
  return `# Bench of layering

Written by \`npm run bench\` (alone: \`npm run bench -- --only layering\`). ${machine}.

Both sides in turn, ${runs} runs each: median, and in brackets the fastest and the slowest. Times are those of whole processes.

The metadata is that of the machine's Debian release as rpm-md, gzip, from a directory: real names, versions and relations;
the file lists are made up, seven million paths, as many as the real ones have. \`yum-ostree install --dry-run\` on an empty base
beside \`dnf --assumeno install\` in an empty root. *Cold* is without any cache.

${markdownTable(solves, 'dnf')}

A whole \`install @tracing\` with metadata at hand, from the request to the deployment that boots next, six real packages with
their scripts; beside the way it is done without: hardlink checkout, dnf into the checkout, \`ostree commit
--link-checkout-speedup --consume\`, \`ostree admin deploy\`. Then a package of one file, with and without a script: the
difference is the overlay above the farm, the sandbox, and what is read back of the overlay.

${markdownTable(installs, 'checkout, dnf, commit')}

${verdictLines(verdicts)}
`;
}
