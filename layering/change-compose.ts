/** From chosen packages to the commit of the new tree. */
import path from 'node:path';
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { metadataString } from '#ostree/format/commit.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { lockRepo } from '#ostree/repo/settings.ts';
import type { Change } from '#layering/change.ts';
import { forgetFiles, preparePackages } from '#layering/change-packages.ts';
import type { SolvedChange } from '#layering/change-solve.ts';
import { compose, type ComposeFacts } from '#layering/compose.ts';
import { composePackage, scriptSource } from '#layering/compose-package.ts';
import { labelMemoPath } from '#layering/selinux-policy.ts';
import { machineRoot } from '#layering/initramfs-etc.ts';
import type { KernelRequest } from '#layering/kernel-work.ts';
import { layerMetadata, stateDigest, type LayerState } from '#layering/layer-metadata.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';
import { workPlace, type WorkPlace } from '#layering/leftovers.ts';
import { packageRef, type PackageTree } from '#layering/package-tree.ts';
import { keepScriptLog, recordingScripts } from '#layering/script-log.ts';
import type { ScriptRecord } from '#layering/script-record.ts';
import { baseRef } from '#layering/base-ref.ts';
import { settledIds } from '#layering/settled-ids.ts';
import { planScripts } from '#layering/scripts-plan.ts';
import { metadataList } from '#layering/status.ts';
import { treeRef } from '#layering/tree-ref.ts';

export interface ComposedChange {
  readonly commit: Checksum;
  /** As `deployTree` takes it; null where no script had to run. */
  readonly preparedFarm: string | null;
  /** What ran, in order. */
  readonly scripts: readonly ScriptRecord[];
  /** Removes the downloads that are in the store now. */
  forgetDownloads(): void;
  /** Removes the place where scripts ran. */
  release(): void;
}

/** Errors of what ran in the sandbox. */
const LOGGED = ['SCRIPT_FAILED', 'INITRAMFS_FAILED'];

interface Decided {
  readonly origin: LayerOrigin;
  readonly result: SolvedChange;
  readonly digest: string;
  /** The requests are those of the present tree, and nothing is to be made again. */
  readonly isAsBefore: boolean;
}

/** @returns what is not composed: only the download was asked for, or the present tree is of the very same packages */
export async function composeChange(
  change: Change,
  decided: Decided,
): Promise<ComposedChange | 'downloaded' | 'unchanged'> {
  const { system, options } = change;
  const { repo } = system.sysroot;
  // Between transactions nobody may prune what is imported or composed and named by no ref yet.
  const lock = lockRepo(repo, 'shared');
  const scripts: ScriptRecord[] = [];
  let place: WorkPlace | null = null;
  try {
    const prepared = await preparePackages(change, decided.result);
    planScripts(prepared.trees.map(({ nevra, header }) => scriptSource(nevra.name, header)));
    if (options.downloadOnly) return 'downloaded';
    if (isPresentTree(change, decided, prepared.trees)) return 'unchanged';
    place = workPlace(system.sysroot, system.stateroot);
    const { farmName, remove } = place;
    const { commit, farmIsReady, ignored } = await compose(repo, {
      base: change.baseCommit,
      packages: prepared.trees.map((tree) =>
        composePackage(tree, decided.origin.replaceFiles.includes(tree.nevra.name)),
      ),
      // Of a replaced package the base's goes first.
      removals: [...decided.result.removed, ...decided.result.replaced.map(({ from }) => from)],
      settled: settledIds(system),
      labelMemo: labelMemoPath(system.cachePath),
      farm: { path: place.path },
      kernel: kernelRequest(change, decided.origin),
      metadata: (facts) => describeTree(change, decided, { facts, trees: prepared.trees }),
      refs: new Map<string, Checksum | null>([
        ...prepared.refs,
        [treeRef(decided.result.treeName), null],
        [baseRef(repo, change.baseCommit), change.baseCommit],
      ]),
      progress: recordingScripts(options.progress, scripts),
      signal: options.signal,
    });
    for (const left of ignored)
      options.progress({ kind: 'warning', text: `a script left /${left}, which a tree cannot hold` });
    keepLog(change, decided, scripts);
    return {
      commit,
      scripts,
      preparedFarm: farmIsReady ? farmName : null,
      forgetDownloads: () => forgetFiles(prepared.files),
      release: remove,
    };
  } catch (error) {
    place?.remove();
    throw withLog(error, keepLog(change, decided, scripts));
  } finally {
    repo.sys.close(lock);
  }
}

function kernelRequest({ system, baseCommit }: Change, { initramfs }: LayerOrigin): KernelRequest {
  return {
    regenerate: initramfs.regenerate,
    args: initramfs.args,
    etc: path.join(machineRoot(system), 'etc'),
    baseArgs: metadataList(loadCommit(system.sysroot.repo, baseCommit), 'rpmostree.initramfs-args'),
  };
}

/** @returns the log's path; null where no script ran */
function keepLog(
  { system, options }: Change,
  { result }: Decided,
  records: readonly ScriptRecord[],
): string | null {
  const title = `${new Date().toISOString()} ${result.treeName}`;
  return keepScriptLog(system.cachePath, { title, records }, options.progress);
}

function withLog(error: unknown, log: string | null): unknown {
  if (log === null || !(error instanceof UserError) || !LOGGED.includes(error.code)) return error;
  const hint = `nothing was deployed; the system is as before; all output of scripts is in ${log}`;
  return new UserError(error.code, error.message, { hint, cause: error });
}

/** Repositories may have changed in what does not matter to this tree. */
function isPresentTree(
  { system, baseCommit }: Change,
  decided: Decided,
  trees: readonly PackageTree[],
): boolean {
  const present = loadCommit(system.sysroot.repo, system.from.checksum);
  return (
    decided.isAsBefore &&
    decided.result.treeName === system.treeName &&
    metadataString(present, 'yum-ostree.state-digest') === stateDigest(stateOf(baseCommit, decided, trees))
  );
}

function stateOf(
  baseCommit: Checksum,
  { origin, result }: Pick<Decided, 'origin' | 'result'>,
  trees: readonly PackageTree[],
): LayerState {
  return {
    baseCommit,
    layered: trees.map(({ nevra, headerSha256 }) => ({ nevra, headerDigest: headerSha256 })),
    removed: result.removed,
    replaced: result.replaced,
    initramfsArgs: origin.initramfs.regenerate ? origin.initramfs.args : null,
  };
}

function describeTree(
  { system, baseCommit }: Change,
  { origin, result, digest }: Decided,
  { facts, trees }: { readonly facts: ComposeFacts; readonly trees: readonly PackageTree[] },
) {
  return layerMetadata({
    ...stateOf(baseCommit, { origin, result }, trees),
    treeName: result.treeName,
    base: origin.base,
    baseMetadata: loadCommit(system.sysroot.repo, baseCommit).metadata,
    items: result.items,
    requested: origin.requested,
    requestPackages: result.requestPackages,
    packageRefs: trees.map(({ nevra, headerSha256 }) => packageRef(nevra, headerSha256)),
    packages: facts.packages,
    repositories: result.repositories.map(({ config }) => ({ id: config.id, timestamp: 0 })),
    inputDigest: digest,
    kernelVersion: facts.kernelVersion,
  });
}
