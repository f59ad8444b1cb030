/** base ∪ packages − removals, as a tree in the object store; nothing is checked out. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { checkPlaces, closedPlaces } from '#layering/base-places.ts';
import type { BaseDatabase } from '#layering/base-database.ts';
import { mergePackage, type FileConflict, type MergeState } from '#layering/compose-merge.ts';
import { fileColor, type ComposePackage } from '#layering/compose-package.ts';
import { removePackages } from '#layering/compose-removals.ts';
import { conflictsError, preferredByColor, type NamedConflict } from '#layering/conflicts.ts';
import { documentationIn } from '#layering/documentation.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { ownerResolver, type OwnerResolver, type SpecialFile } from '#layering/owners.ts';
import { addSysusers, readTreeUsers } from '#layering/users-tree.ts';
import type { UserIds } from '#layering/users.ts';

export interface TreeRequest {
  readonly base: Checksum;
  readonly database: BaseDatabase;
  /** In the order of installation. */
  readonly packages: readonly ComposePackage[];
  /** Base packages. */
  readonly removals: readonly Nevra[];
  /** Who has which id where the tree is to run. */
  readonly settled: UserIds;
  /** Whether scripts may still make users: files of unknown ones are then left to root and listed. */
  readonly scriptsMakeUsers: boolean;
  /** Packages come without what is marked as documentation. */
  readonly leavesOutDocs: boolean;
}

/** A file whose owner was not known when the tree was made. */
export interface LateOwner {
  readonly path: string;
  /** Package and path, for messages. */
  readonly whose: string;
  readonly special: SpecialFile;
}

export interface ComposedTree {
  readonly tree: MutableTree;
  /** Paths in the tree that were added, replaced or removed. */
  readonly changed: readonly string[];
  readonly lateOwners: readonly LateOwner[];
}

/** @throws UserError PATH_NOT_ALLOWED, FILE_CONFLICT (all of them), UNKNOWN_OWNER, BAD_SYSUSERS, NO_OBJECT */
export function composeTree(txn: Transaction, request: TreeRequest): ComposedTree {
  const { repo } = txn;
  const tree = MutableTree.fromCommit(repo, request.base);
  checkPlaces(
    closedPlaces(tree),
    request.packages.map(({ source }) => source),
  );
  const gone = removeBasePackages(tree, request);
  const ids = addSysusers(
    txn,
    tree,
    request.packages.map(({ contents, meta }) => MutableTree.fromChecksums(repo, contents, meta)),
    request.settled,
  );
  const late: LateOwner[] = [];
  const state = mergeState(txn, tree, { request, late, ids });
  for (const pkg of request.packages) {
    const leftOut = request.leavesOutDocs ? documentationIn(pkg.source.header) : null;
    mergePackage(state, { ...pkg, leftOut });
  }
  if (state.conflicts.length > 0)
    throw conflictsError(state.conflicts.map((conflict) => named(request, state, conflict)));
  return { tree, changed: [...gone, ...state.changed], lateOwners: late };
}

function removeBasePackages(tree: MutableTree, { database, removals }: TreeRequest): string[] {
  if (removals.length === 0) return [];
  const removed = removals.flatMap((one) => database.packagesOf(one));
  const gone = new Set(removals.map(formatNevra));
  return removePackages({
    tree,
    removed,
    ownedByOthers: (path) => database.ownersOf(path).some(({ nevra }) => !gone.has(formatNevra(nevra))),
  });
}

function mergeState(
  txn: Transaction,
  root: MutableTree,
  {
    request,
    late,
    ids,
  }: { readonly request: TreeRequest; readonly late: LateOwner[]; readonly ids: UserIds | null },
): MergeState {
  const byName = new Map(request.packages.map((pkg) => [pkg.name, pkg]));
  let known = ids;
  // Read once, and only where a file needs them.
  const owners = ownerResolver(txn, () => (known ??= readTreeUsers(txn.repo, root).ids));
  const resolve = <How extends keyof OwnerResolver>(
    how: How,
    at: { readonly name: string; readonly path: string; readonly checksum: Checksum },
  ): ReturnType<OwnerResolver[How]> | Checksum => {
    const { name, path, checksum } = at;
    const special = byName.get(name)?.special.get(path);
    if (special === undefined) return checksum;
    const whose = `package ${name}: /${path}`;
    try {
      return owners[how](special, whose, checksum) as ReturnType<OwnerResolver[How]>;
    } catch (error) {
      if (!request.scriptsMakeUsers || codeOf(error) !== 'UNKNOWN_OWNER') throw error;
      late.push({ path, whose, special });
      return checksum;
    }
  };
  return {
    repo: txn.repo,
    root,
    placedBy: new Map(),
    conflicts: [],
    closed: closedPlaces(root),
    changed: [],
    resolveFile: (name, path, checksum) => resolve('file', { name, path, checksum }),
    resolveDirectory: (name, path, meta) => resolve('directory', { name, path, checksum: meta }),
    preferred: (conflict, owner) => byColor(request, conflict, owner),
  };
}

function byColor(
  request: TreeRequest,
  conflict: FileConflict,
  owner: string | null,
): 'new' | 'existing' | null {
  const colorOf = (name: string): number => {
    const pkg = request.packages.find((one) => one.name === name);
    return pkg === undefined ? 0 : fileColor(pkg.source.header, conflict.path);
  };
  const wanted = colorOf(conflict.package);
  if (wanted === 0) return null;
  const existing = owner === null ? request.database.colorOf(conflict.path) : colorOf(owner);
  return preferredByColor(wanted, existing);
}

function named(request: TreeRequest, state: MergeState, conflict: FileConflict): NamedConflict {
  const nevra = (name: string): string => {
    const pkg = request.packages.find((one) => one.name === name);
    return pkg === undefined ? name : formatNevra(pkg.source.nevra);
  };
  const placed = state.placedBy.get(conflict.path);
  if (placed !== undefined)
    return {
      ...conflict,
      wantedBy: nevra(conflict.package),
      owner: { nevra: nevra(placed), inBase: false },
    };
  const [owner] = request.database.ownersOfTreePath(conflict.path);
  return {
    ...conflict,
    wantedBy: nevra(conflict.package),
    owner: owner === undefined ? null : { nevra: formatNevra(owner.nevra), inBase: true },
  };
}
