import type { CliContext } from '#cli/context.ts';
import { formatNvra } from '#layering/nevra.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import { findRpmdb, readRpmdb, RPMDB_FILE } from '#layering/rpmdb-read.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';

/** `debug rpmdb-list DIR`: the packages in a tree or database directory, as a sorted `rpm -qa` prints them. */
export function debugRpmdbList(directory: string, context: Pick<CliContext, 'out' | 'sys'>): void {
  for (const line of rpmdbLines(directory, context.sys)) context.out(`${line}\n`);
}

/** The sorted lines. @throws UserError BAD_RPMDB where the directory has no database */
export function rpmdbLines(directory: string, sys: Pick<CliContext['sys'], 'stat'>): string[] {
  const direct = `${directory}/${RPMDB_FILE}`;
  const file = sys.stat(AT_FDCWD, direct) === null ? findRpmdb(directory) : direct;
  if (file === null)
    throw new UserError('BAD_RPMDB', `${directory} has no package database`, {
      hint: `give the root of a tree, or the directory that holds ${RPMDB_FILE}`,
    });
  return readRpmdb(file)
    .map(({ header }) => formatNvra(nevraOf(header)))
    .sort(compareBytewise);
}
