import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { pathList } from '#cli/ostree-repo-lists.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { checkoutTree, type CheckoutOptions } from '#ostree/repo/checkout.ts';
import { resolveRev } from '#ostree/repo/refs.ts';

interface Options {
  readonly userMode?: boolean;
  readonly subpath?: string;
  readonly union?: boolean;
  readonly unionAdd?: boolean;
  readonly unionIdentical?: boolean;
  readonly whiteouts?: boolean;
  readonly processPassthroughWhiteouts?: boolean;
  readonly allowNoent?: boolean;
  readonly requireHardlinks?: boolean;
  readonly forceCopy?: boolean;
  readonly bareuseronlyDirs?: boolean;
  readonly fsync?: string;
  readonly skipList?: string;
}

export function addCheckoutVerb(program: Command, context: CliContext): void {
  repoVerb(program, 'checkout <commit> [destination]', 'make a directory of a commit')
    .option('-U, --user-mode', 'everything is the caller’s: no owners, no extended attributes')
    .option('--disable-cache', 'accepted; there is no such cache')
    .option('--subpath <path>', 'only this directory or file of the tree')
    .option('--union', 'keep existing directories, replace existing files')
    .option('--union-add', 'keep existing files and directories, only add')
    .option('--union-identical', 'fail where a file would be replaced by a different one')
    .option('--whiteouts', 'process .wh. files as container layers have them')
    .option('--process-passthrough-whiteouts', 'make overlay whiteouts of .ostree-wh. files')
    .option('--allow-noent', 'do nothing where the path is not in the tree')
    .option('--fsync <policy>', 'whether to sync the files at the end')
    .option('-H, --require-hardlinks', 'fail where hardlinks are not possible')
    .option('-C, --force-copy', 'never hardlink')
    .option('-z, --force-copy-zerosized', 'empty files are always copied')
    .option('-M, --bareuseronly-dirs', 'directories get no mode bits outside of 0775')
    .option('--skip-list <file>', 'file with the paths to leave out')
    .action((commit: string, destination: string | undefined, options: Options, command: Command) =>
      withRepo(context, command, (repo) => {
        const target = { dir: AT_FDCWD, name: destination ?? commit };
        try {
          checkoutTree(repo, resolveRev(repo, commit), target, checkoutOptions(context, options));
        } catch (error) {
          if (options.allowNoent !== true || codeOf(error) !== 'NO_PATH') throw error;
        }
      }),
    );
}

function checkoutOptions(context: CliContext, options: Options): CheckoutOptions {
  return {
    mode: options.userMode === true ? 'user' : 'none',
    overwrite: overwriteOf(options),
    forceCopy: options.forceCopy === true,
    requireHardlinks: options.requireHardlinks === true,
    bareUserOnlyDirs: options.bareuseronlyDirs === true,
    whiteouts: options.whiteouts === true,
    passthroughWhiteouts: options.processPassthroughWhiteouts === true,
    fsync: options.fsync !== undefined && ['yes', 'true', '1'].includes(options.fsync),
    ...(options.subpath === undefined ? {} : { subpath: options.subpath }),
    ...(options.skipList === undefined ? {} : { skip: pathList(context, options.skipList) }),
  };
}

function overwriteOf(options: Options): NonNullable<CheckoutOptions['overwrite']> {
  const chosen = [
    ['union', options.union],
    ['union-add', options.unionAdd],
    ['union-identical', options.unionIdentical],
  ] as const;
  const given = chosen.filter(([, wanted]) => wanted === true).map(([name]) => name);
  if (given.length > 1)
    throw new UserError('BAD_OPTION', `Cannot specify both --${given[0] ?? ''} and --${given[1] ?? ''}`);
  if (options.unionIdentical === true && options.requireHardlinks !== true)
    throw new UserError('BAD_OPTION', '--union-identical requires --require-hardlinks');
  return given[0] ?? 'none';
}
