/** Verbs that only ask: search, info, group, db; and refresh-md, which brings the metadata that they read. */
import { Option, type Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import {
  addRepositoryOptions,
  optionsOf,
  repositoryRequest,
  reporterOf,
  type GlobalOptions,
  type RepositoryFlags,
} from '#cli/yum-ostree-options.ts';
import { choiceOf, onSysroot, printJson } from '#cli/yum-ostree-system.ts';
import type { RepositoryRequest } from '#layering/open-repositories.ts';
import type { PackageDiff } from '#layering/package-diff.ts';
import type { Advisory } from '#layering/updateinfo.ts';
import type { PackageWorld } from '#layering/package-world.ts';
import type { DiffSides } from '#layering/tree-packages.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import type { SystemChoice } from '#layering/system.ts';

interface SearchFlags {
  readonly all?: boolean;
}
interface DiffFlags {
  readonly changelogs?: boolean;
  readonly changelog?: boolean;
  readonly advisories?: boolean;
  readonly base?: boolean;
  readonly format?: 'block' | 'diff' | 'json';
}
interface RefreshFlags {
  readonly force?: boolean;
}

export function addQueryVerbs(program: Command, context: CliContext): void {
  addRepositoryOptions(program.command('search'))
    .description('find packages by words in name and summary')
    .argument('<word...>')
    .option('-a, --all', 'look in descriptions and addresses too')
    .action((words: string[], _options: object, command: Command) =>
      search(words, optionsOf(command), context),
    );
  addRepositoryOptions(program.command('info'))
    .description('describe packages')
    .argument('<package...>')
    .action((specs: string[], _options: object, command: Command) =>
      info(specs, optionsOf(command), context),
    );
  const group = program.command('group').description('ask about package groups');
  addRepositoryOptions(group.command('list'))
    .description('list the groups of the repositories')
    .action((_options: object, command: Command) => groupList(optionsOf(command), context));
  addRepositoryOptions(group.command('info'))
    .description("list a group's members")
    .argument('<group...>')
    .action((ids: string[], _options: object, command: Command) =>
      groupInfos(ids, optionsOf(command), context),
    );
  addRepositoryOptions(program.command('refresh-md'))
    .description("bring the repositories' metadata up to date")
    .option('-f, --force', 'even where it is young enough')
    .action((_options: object, command: Command) => refresh(optionsOf(command), context));
  const db = program.command('db').description('ask about the packages of trees');
  db.command('version')
    .description('show a digest of the packages of a commit or deployment, by which two are compared')
    .argument('[rev...]', 'booted, pending, rollback, a number, a ref or a checksum', ['pending'])
    .action((revs: string[], _options: object, command: Command) =>
      dbVersion(revs, optionsOf(command), context),
    );
  db.command('list')
    .description('list the packages of commits or deployments, or those of certain names')
    .argument(
      '[rev-or-name...]',
      'booted, pending, rollback, a number, a ref or a checksum; from the first word on that is none, names with * and ?',
    )
    .action((words: string[], _options: object, command: Command) =>
      dbList(words, optionsOf(command), context),
    );
  addRepositoryOptions(db.command('diff'))
    .description('show what differs between the packages of two trees')
    .argument('[from]')
    .argument('[to]')
    .option('-c, --changelogs', 'with the new changelog entries of upgraded packages')
    .option('-A, --advisories', "with the repositories' advisories")
    .option('--base', 'of the bases, where trees are layered')
    .addOption(new Option('--changelog', 'the same as --changelogs').hideHelp())
    .addOption(new Option('-F, --format <FORMAT>', 'as rpm-ostree has it').choices(['block', 'diff', 'json']))
    .action((from: string | undefined, to: string | undefined, _options: object, command: Command) =>
      dbDiff(
        [from, to].flatMap((rev) => rev ?? []),
        optionsOf(command),
        context,
      ),
    );
}

type QueryFlags = GlobalOptions & RepositoryFlags;

async function search(
  words: readonly string[],
  flags: QueryFlags & SearchFlags,
  context: CliContext,
): Promise<void> {
  if (words.some((word) => word.trim() === ''))
    throw new UserError('USAGE', 'search: a word is empty', { hint: "it would be in every package's name" });
  const { searchPackages } = await import('#layering/package-search.ts');
  const { searchJson, searchText } = await import('#cli/query-text.ts');
  const found = await query(flags, context, (world) => searchPackages(world, words, flags.all === true));
  print(flags, context, { json: searchJson(found), text: searchText(found) });
}

async function info(specs: readonly string[], flags: QueryFlags, context: CliContext): Promise<void> {
  const { packageInfo } = await import('#layering/package-search.ts');
  const { infoJson, infoText } = await import('#cli/query-text.ts');
  const found = await query(flags, context, (world) => packageInfo(world, specs));
  print(flags, context, { json: infoJson(found), text: infoText(found) });
}

async function groupList(flags: QueryFlags, context: CliContext): Promise<void> {
  const { listGroups } = await import('#layering/group-list.ts');
  const { groupListJson, groupListText } = await import('#cli/query-text.ts');
  const groups = await query(flags, context, listGroups);
  print(flags, context, { json: groupListJson(groups), text: groupListText(groups) });
}

async function groupInfos(ids: readonly string[], flags: QueryFlags, context: CliContext): Promise<void> {
  const { groupInfo } = await import('#layering/group-list.ts');
  const { groupInfoJson, groupInfoText } = await import('#cli/query-text.ts');
  const groups = await query(flags, context, (world) => groupInfo(world, ids));
  print(flags, context, { json: groupInfoJson(groups), text: groupInfoText(groups) });
}

async function refresh(flags: QueryFlags & RefreshFlags, context: CliContext): Promise<void> {
  const { refreshMetadata } = await import('#layering/refresh-metadata.ts');
  const { refreshJson, refreshText } = await import('#cli/query-text.ts');
  const refreshed = await running(flags, context, (choice, request) =>
    refreshMetadata(choice, { ...request, refresh: flags.force === true }),
  );
  print(flags, context, { json: refreshJson(refreshed), text: refreshText(refreshed) });
}

async function dbList(words: readonly string[], flags: GlobalOptions, context: CliContext): Promise<void> {
  const { listedPackages } = await import('#layering/tree-packages.ts');
  const { dbListJson, dbListText } = await import('#cli/query-text.ts');
  const lists = await onSysroot(flags, context, (sysroot) => listedPackages(sysroot, words));
  print(flags, context, { json: dbListJson(lists), text: dbListText(lists) });
}

async function dbDiff(
  revs: readonly string[],
  flags: QueryFlags & DiffFlags,
  context: CliContext,
): Promise<void> {
  const { baseSides, diffSides, treeDiff } = await import('#layering/tree-packages.ts');
  const { dbDiffJson, dbDiffLines, dbDiffText } = await import('#cli/query-text.ts');
  const changelogs = flags.changelogs === true || flags.changelog === true;
  const sides = (sysroot: Sysroot): DiffSides => {
    const found = diffSides(sysroot, revs);
    return flags.base === true ? baseSides(sysroot, found) : found;
  };
  const diff = await onSysroot(flags, context, (sysroot) => treeDiff(sysroot, sides(sysroot), changelogs));
  const advisories = flags.advisories === true ? await advisoriesFor(diff.diff, flags, context) : null;
  const found = { ...diff, advisories };
  const asJson = flags.json === true || flags.format === 'json';
  const text = flags.format === 'diff' ? dbDiffLines(found) : dbDiffText(found);
  print({ ...flags, json: asJson }, context, { json: dbDiffJson(found), text });
}

async function advisoriesFor(
  diff: PackageDiff,
  flags: QueryFlags,
  context: CliContext,
): Promise<readonly Advisory[]> {
  const { knownAdvisories } = await import('#layering/update-check.ts');
  const { advisoriesOf } = await import('#layering/updateinfo.ts');
  const { progress } = reporterOf(flags, context);
  return query(flags, context, async ({ repositories }) =>
    advisoriesOf(diff, await knownAdvisories(repositories, { progress })),
  );
}

async function dbVersion(revs: readonly string[], flags: GlobalOptions, context: CliContext): Promise<void> {
  const { namedCommit, treePackages, packagesDigest } = await import('#layering/tree-packages.ts');
  const { dbVersionJson, dbVersionText } = await import('#cli/query-text.ts');
  const versions = await onSysroot(flags, context, (sysroot) =>
    revs.map((rev) => {
      const commit = namedCommit(sysroot, rev);
      const packages = treePackages(sysroot, commit.checksum);
      return { commit, count: packages.length, digest: packagesDigest(packages) };
    }),
  );
  print(flags, context, { json: dbVersionJson(versions), text: dbVersionText(versions) });
}

async function query<T>(
  flags: QueryFlags,
  context: CliContext,
  action: (world: PackageWorld) => Promise<T>,
): Promise<T> {
  const { withPackages } = await import('#layering/package-world.ts');
  return running(flags, context, (choice, request) => withPackages(choice, request, action));
}

async function running<T>(
  flags: QueryFlags,
  context: CliContext,
  action: (choice: SystemChoice, request: RepositoryRequest) => Promise<T>,
): Promise<T> {
  const reporter = reporterOf(flags, context);
  // A query leaves nothing half done, so that a signal may simply end the process.
  const { signal } = new AbortController();
  try {
    return await action(
      choiceOf(flags, context, reporter),
      repositoryRequest(flags, { context, reporter, signal }),
    );
  } finally {
    reporter.finish();
  }
}

function print(
  flags: GlobalOptions,
  context: CliContext,
  { json, text }: { readonly json: object; readonly text: string },
): void {
  if (flags.json === true) printJson(context, json);
  else context.out(text);
}
