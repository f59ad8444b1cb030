/** Trees that have failed to boot here: no update deploys them again by itself. Kept longer than their deployments. */
import { readFallback, type FallbackState } from '#bootloader/fallback-state.ts';
import { isChecksum } from '#ostree/format/checksum.ts';
import { metadataString, type Commit } from '#ostree/format/commit.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

/** A line for each tree, the newest last: its commit, and the base that it was composed on. */
const NOTE = 'boot/ostree/failed-trees';
const MOST_TREES = 32;

export interface FailedTree {
  readonly checksum: string;
  /** Of a derived tree whose base may be what failed; otherwise the commit itself. */
  readonly base: string;
}

/** Those in the boot menu and those of the note; none where the fallback model is off. */
export function failedTrees(sysroot: Sysroot): FailedTree[] {
  const state = readFallback(sysroot);
  if (state.tries === null) return [];
  const proven = provenBases(sysroot, state);
  const listed = state.list.filter(({ standing }) => standing.kind === 'failed');
  return [
    ...readNote(sysroot),
    ...listed.flatMap(({ deployment }) => failedTree(sysroot, deployment, proven) ?? []),
  ];
}

/** Whether an update to that commit would only try again what has failed. */
export function hasFailed(sysroot: Sysroot, checksum: string): boolean {
  return failedTrees(sysroot).some((tree) => tree.checksum === checksum || tree.base === checksum);
}

/** Whether the deployment has failed, as the boot menu has it. */
export function isFailedIn(state: FallbackState, deployment: Deployment): boolean {
  return state.list.some(
    (one) => one.standing.kind === 'failed' && isSameDeployment(one.deployment, deployment),
  );
}

/**
 * After a fallback to what runs. By one rename; a crash before it leaves it to the next boot. Nothing is noted of the tree
 * that runs: it failed with other kernel arguments. Nor of a base on which something is good.
 */
export function noteFailedTree(sysroot: Sysroot, state: FallbackState, deployment: Deployment): void {
  const tree = failedTree(sysroot, deployment, provenBases(sysroot, state));
  if (tree === null) return;
  const others = readNote(sysroot).filter(({ checksum }) => checksum !== tree.checksum);
  writeNote(sysroot, [...others, tree].slice(-MOST_TREES));
}

/** Somebody had it tried again, and it is good: so is its base. Another tree on that base failed by what it adds. */
export function forgetFailedTree(sysroot: Sysroot, { checksum }: Deployment): void {
  const good: string[] = [checksum, baseOf(sysroot, checksum)];
  const trees = readNote(sysroot);
  const others = trees
    .filter((tree) => !good.includes(tree.checksum))
    .map((tree) => (good.includes(tree.base) ? { ...tree, base: tree.checksum } : tree));
  if (noteText(others) !== noteText(trees)) writeNote(sysroot, others);
}

/** For an upgrade: what it says instead of deploying. */
export function failedTreeText(checksum: string, retry: string): string {
  return `No update: ${checksum} has failed to boot here, and is not deployed again by itself.\n'${retry}' tries it once more.\n`;
}

/** null for the tree that runs. */
function failedTree(
  sysroot: Sysroot,
  { checksum }: Deployment,
  proven: readonly string[],
): FailedTree | null {
  if (sysroot.booted?.checksum === checksum) return null;
  const base = baseOf(sysroot, checksum);
  return { checksum, base: proven.includes(base) ? checksum : base };
}

/** The bases of what is good, and of what runs and is not on trial: the machine has fallen back to it. */
function provenBases(sysroot: Sysroot, { list }: FallbackState): string[] {
  return list
    .filter(
      ({ deployment, standing: { kind } }) => kind === 'good' || (deployment.isBooted && kind === 'unknown'),
    )
    .map(({ deployment }) => baseOf(sysroot, deployment.checksum));
}

/** The commit that a tree was composed on, or itself. */
function baseOf(sysroot: Sysroot, checksum: Deployment['checksum']): string {
  const commit = commitOf(sysroot, checksum);
  const base = commit === null ? undefined : metadataString(commit, 'yum-ostree.base-commit');
  return base ?? checksum;
}

/** null also for a damaged one: it must not keep what was fallen back to from becoming the default. */
function commitOf({ repo }: Sysroot, checksum: Deployment['checksum']): Commit | null {
  try {
    return loadCommit(repo, checksum);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}

function readNote({ sys, fd }: Sysroot): FailedTree[] {
  return (sys.readText(fd, NOTE) ?? '').split('\n').flatMap((line) => {
    const [checksum = '', base = ''] = line.split(' ');
    return isChecksum(checksum) && isChecksum(base) ? [{ checksum, base }] : [];
  });
}

function writeNote({ sys, fd }: Sysroot, trees: readonly FailedTree[]): void {
  makeDirectories(sys, fd, 'boot/ostree');
  replaceFile(sys, fd, { path: NOTE, text: noteText(trees) });
}

function noteText(trees: readonly FailedTree[]): string {
  return trees.map(({ checksum, base }) => `${checksum} ${base}\n`).join('');
}
