import type { CliContext } from '#cli/context.ts';
import { readRpmFile, type RpmFile } from '#layering/rpm-file.ts';
import { digestLength, fileDigestAlgorithm, type RpmFileEntry } from '#layering/rpm-file-list.ts';
import { FILE } from '#layering/rpm-tags.ts';

/** `debug rpm-dump FILE…`: what our reader sees, line for line as `rpm -qp --dump` prints it. */
export function debugRpmDump(files: readonly string[], context: Pick<CliContext, 'out'>): void {
  for (const file of files) for (const line of dumpLines(readRpmFile(file))) context.out(`${line}\n`);
}

/** The lines of one package. */
export function dumpLines(rpm: RpmFile): string[] {
  if (rpm.files.length === 0) return ['(contains no files)'];
  const noDigest = '0'.repeat(digestLength(fileDigestAlgorithm(rpm.header)));
  return rpm.files.map((entry) => dumpLine(entry, noDigest));
}

/** path size mtime digest mode owner group isconfig isdoc rdev symlink */
function dumpLine(entry: RpmFileEntry, noDigest: string): string {
  return [
    entry.path,
    entry.size,
    entry.mtime,
    entry.digest === '' ? noDigest : entry.digest,
    `0${entry.mode.toString(8)}`,
    entry.uidName,
    entry.gidName,
    (entry.flags & FILE.CONFIG) === 0 ? 0 : 1,
    (entry.flags & FILE.DOC) === 0 ? 0 : 1,
    entry.rdev,
    entry.linkto === '' ? 'X' : entry.linkto,
  ].join(' ');
}
