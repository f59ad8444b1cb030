import { markdownTable, type Row, type Verdict } from '#test/bench/table.ts';

export interface Report {
  readonly rows: readonly Row[];
  readonly verdicts: readonly Verdict[];
  readonly runs: number;
  readonly machine: string;
}

/**
 * docs/bench.md: how it was measured, the table, and which aims are met; then what the part on deployments wrote last,
 * which runs by itself. `mark`: before it.
 */
export function reportText(
  { rows, verdicts, runs, machine }: Report,
  { mark, text }: { readonly mark: string; readonly text: string },
): string {
  return `# Bench

Written by \`npm run bench\`. ${machine}.

Both tools work on the same trees in the same minutes: their runs alternate, ${runs} of each; the table gives the median
and, in brackets, the fastest and slowest run. Times are wall times from process start to exit, with a warm page cache;
\`yum-ostree\` is \`dist/yum-ostree\`, \`ostree\` the distribution's. Peak memory is the largest resident set of any
process, CPU the median of user and system time of all of them. fsync calls are all of fsync, fdatasync, syncfs,
sync_file_range, msync and sync, children included. Nothing is removed between runs: ext4 searches past freed inodes.

The base tree is the demo's (real kernel, systemd, libraries, rpm database) with synthetic files added: median 2 KiB,
mean 6 KiB; the rpm database is the same at each size, that in which all files of the smallest tree belong to a package.
*compose* adds two imported packages (strace and a library) to the base commit and writes the new commit, rpm database and
ref; beside it stands what is done without it: \`ostree checkout -H\`, \`ostree commit --link-checkout-speedup\` and removing the
checkout, with no package added.

${markdownTable(rows, 'ostree')}

${verdictLines(verdicts)}

## Deployments

${mark}

${text}

<!-- end -->
`;
}

/** The part of docs/bench.md on sysroots. */
export function deploymentsText({ rows, verdicts, runs, machine }: Report): string {
  return `Written by \`npm run bench -- --only deployments\`, also a part of the whole. ${machine}.

*upgrade*: from a repository in a directory, to a commit in which ten files are other ones, with the merge of /etc and the
removal of the deployment before the last. The others work on small trees, 200 files each, six in a row with one kernel:
*status* (${5 * runs} runs of each, on one sysroot), and *deploy* of one more, which writes all boot links and entries anew.

${markdownTable(rows, 'ostree')}

${verdictLines(verdicts)}
`;
}

/** A line for each aim: met or missed, with the figures. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  return verdicts.map(({ met, text }) => `- ${met ? 'met' : '**missed**'}: ${text}`).join('\n');
}
