/** `debug import` and `debug compose`: the two steps between downloaded packages and a new tree, alone. */
import type { CliContext } from '#cli/context.ts';
import { VERSION } from '#ostree/format/version.ts';
import { compose } from '#layering/compose.ts';
import { composePackage } from '#layering/compose-package.ts';
import { openBaseDatabase } from '#layering/compose-database.ts';
import { inputDigest, layerMetadata } from '#layering/layer-metadata.ts';
import type { Nevra } from '#layering/nevra.ts';
import { loadPackageTree, packageRef } from '#layering/package-tree.ts';
import { baseRef } from '#layering/base-ref.ts';
import { formatTreeName } from '#layering/tree-name.ts';
import { treeRef } from '#layering/tree-ref.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import { closeRepo, openRepo, type Repo } from '#ostree/repo/repo.ts';
import { NO_IDS } from '#layering/users.ts';
import { Transaction } from '#ostree/repo/transaction.ts';

export interface ComposeArguments {
  readonly repo: string;
  readonly base: string;
  readonly packages: readonly string[];
  readonly remove?: readonly string[];
  readonly name?: readonly string[];
  /** Where scripts run; they do not without it. */
  readonly scripts?: string;
}

/** Imports in one transaction; prints one ref a line. */
export async function debugImport(
  files: readonly string[],
  repoPath: string,
  context: CliContext,
): Promise<void> {
  const { importRpm } = await import('#layering/import-rpm.ts');
  const { readRpmFile } = await import('#layering/rpm-file.ts');
  const repo = openRepo(context.sys, repoPath);
  const txn = Transaction.begin(repo);
  try {
    const refs = files.map((file) => {
      const rpm = readRpmFile(file);
      importRpm(txn, rpm);
      return packageRef(rpm.nevra, rpm.headerSha256);
    });
    txn.commit();
    for (const ref of refs) context.out(`${ref}\n`);
  } finally {
    txn.abort();
    closeRepo(repo);
  }
}

function packagesNamed(repo: Repo, base: Checksum, names: readonly string[]): Nevra[] {
  if (names.length === 0) return [];
  const database = openBaseDatabase(repo, base);
  try {
    return database.nevras().filter(({ name }) => names.includes(name));
  } finally {
    database.close();
  }
}

/** Prints the new commit and its ref. Signatures are not looked at. */
export async function debugCompose(wanted: ComposeArguments, context: CliContext): Promise<void> {
  const repo = openRepo(context.sys, wanted.repo);
  try {
    const base = resolveRev(repo, wanted.base);
    const trees = wanted.packages.map((ref) => loadPackageTree(repo, resolveRev(repo, ref)));
    const removals = wanted.remove ?? [];
    const packages = wanted.name ?? trees.map(({ nevra }) => nevra.name);
    const items = { groups: [], packages, removals };
    const treeName = formatTreeName(wanted.base, items);
    const refs = trees.map(({ nevra, headerSha256 }) => packageRef(nevra, headerSha256));
    const toolVersion = VERSION;
    const digest = inputDigest({
      baseCommit: base,
      items: { refs, removals },
      repositories: [],
      toolVersion,
    });
    const { commit } = await compose(repo, {
      base,
      packages: trees.map((tree) => composePackage(tree, false)),
      removals: packagesNamed(repo, base, removals),
      settled: NO_IDS,
      labelMemo: null,
      farm: wanted.scripts === undefined ? null : { path: wanted.scripts },
      kernel: { regenerate: false, args: [], etc: '/etc', baseArgs: [] },
      metadata: (facts) =>
        layerMetadata({
          treeName,
          base: wanted.base,
          baseCommit: base,
          baseMetadata: loadCommit(repo, base).metadata,
          items,
          requested: packages,
          layered: trees.map(({ nevra, headerSha256 }) => ({ nevra, headerDigest: headerSha256 })),
          requestPackages: new Map(packages.map((name) => [name, [name]])),
          packageRefs: refs,
          removed: facts.removed,
          replaced: [],
          packages: facts.packages,
          repositories: [],
          inputDigest: digest,
          kernelVersion: facts.kernelVersion,
          initramfsArgs: null,
        }),
      refs: new Map([
        [treeRef(treeName), null],
        [baseRef(repo, base), base],
      ]),
      progress: () => undefined,
      signal: new AbortController().signal,
    });
    context.out(`${commit}\n${treeRef(treeName)}\n`);
  } finally {
    closeRepo(repo);
  }
}
