/** `ostree diff`: two commits, or a commit and a directory of the file system. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { rootOf } from '#cli/ostree-repo-list.ts';
import { repoVerb, wholeNumber, withRepo } from '#cli/ostree-repo-open.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { FileAsObject } from '#ostree/repo/compare-file.ts';
import { diffTrees, directoryTree, storedTree, type DiffTree } from '#ostree/repo/diff.ts';
import type { Repo } from '#ostree/repo/repo.ts';

interface DiffFlags {
  readonly xattrs: boolean;
  readonly ownerUid?: number;
  readonly ownerGid?: number;
}

export function addDiffVerb(program: Command, context: CliContext): void {
  const usage = 'compare two trees: commits, or directories (/… or ./…); default: a commit with its parent';
  repoVerb(program, 'diff <rev> [target]', usage)
    .option('--no-xattrs', 'extended attributes do not count')
    .option('--owner-uid <uid>', 'take files of directories for those of this user', wholeNumber)
    .option('--owner-gid <gid>', 'take files of directories for those of this group', wholeNumber)
    .action((rev: string, target: string | undefined, flags: DiffFlags, command: Command) =>
      withRepo(context, command, (repo) => {
        const [from, to] = target === undefined ? [`${rev}^`, rev] : [rev, target];
        const options: FileAsObject = { ...flags, ignoreXattrs: !flags.xattrs };
        const diff = diffTrees(treeOf(repo, from, options), treeOf(repo, to, options));
        for (const path of diff.modified) context.out(`M    ${shown(from, path)}\n`);
        for (const path of diff.removed) context.out(`D    ${shown(from, path)}\n`);
        for (const path of diff.added) context.out(`A    ${shown(to, path)}\n`);
      }),
    );
}

/** As ostree(1): what begins with `/` or `./` is a directory, all else names a commit. */
function isDirectory(name: string): boolean {
  return name.startsWith('/') || name.startsWith('./');
}

/** As ostree(1): relative to the directory that was named, absolute in a commit. */
function shown(name: string, path: string): string {
  return isDirectory(name) ? path.slice(1) : path;
}

function treeOf(repo: Repo, name: string, options: FileAsObject): DiffTree {
  if (!isDirectory(name)) return storedTree(repo, rootOf(repo, name), options);
  if (repo.sys.stat(AT_FDCWD, name) === null)
    throw new UserError('NO_PATH', `No such file or directory: ${name}`);
  return directoryTree(repo, { dir: AT_FDCWD, path: name }, options);
}
