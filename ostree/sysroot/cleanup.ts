/** Removes what no deployment of the list needs: directories, boot links, kernels, refs, and on demand objects. */
import { isChecksum } from '#ostree/format/checksum.ts';
import { overlayInitrds } from '#ostree/format/bls.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { listRefs } from '#ostree/repo/refs.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { abandonStaging, clearStaleStaging, openStaging } from '#ostree/repo/staging.ts';
import { INITRD_OVERLAYS, deploymentName, parseDeploymentName } from '#ostree/sysroot/deployment.ts';
import { removeOtherDeploymentRefs, writeDeploymentRefs } from '#ostree/sysroot/deployment-refs.ts';
import { reloadSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';

/** There while a boot partition may have entries of the list before: what they need stays. Relative to the sysroot. */
export const BOOT_PARTITION_STAMP = 'boot/ostree/boot-partition.stamp';

export interface CleanupResult {
  /** Deployment directories that were removed, relative to the sysroot. */
  readonly removed: readonly string[];
  /** Whether a commit lost its last deployment and no ref names it, so that a prune finds something. */
  readonly mayPrune: boolean;
}

/**
 * Brings the sysroot to what its list of deployments says. Everything it removes is unused by the list on disk, so a
 * crash in the middle leaves only less to remove. It is also how leftovers of an interrupted deploy go.
 */
export function cleanUpSysroot(sysroot: Sysroot): CleanupResult {
  clearStaleStaging(sysroot.repo);
  if (sysroot.options.isFailing === true) failLikeTransaction(sysroot);
  if (sysroot.sys.lstat(sysroot.fd, BOOT_PARTITION_STAMP) !== null) return { removed: [], mayPrune: false };
  removeInactiveBootFiles(sysroot);
  const removed = removeUnusedDeployments(sysroot);
  removeUnusedKernels(sysroot);
  const listed = sysroot.deployments.filter((deployment) => !deployment.isStaged);
  writeDeploymentRefs(sysroot.repo, sysroot, listed);
  const dropped = removeOtherDeploymentRefs(sysroot.repo, sysroot);
  const commits = [...dropped, ...removed.map((path) => commitOf(path))];
  return { removed, mayPrune: commits.some((commit) => !isNeeded(sysroot, commit)) };
}

/**
 * Runs `action`, which shall put a new deployment into the list; where it fails, what the list on disk does not name goes at
 * once instead of at the next cleanup. The error is that of the action.
 */
export function orCleanUp<T>(sysroot: Sysroot, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof UserError) cleanUpAfter(sysroot);
    throw error;
  }
}

/** What cannot be removed now, as on a /boot that is read-only, is left to the next cleanup. */
function cleanUpAfter(sysroot: Sysroot): void {
  try {
    cleanUpSysroot(reloadSysroot(sysroot));
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
}

/** For tests: what is left of a change that dies while it writes to the repository. */
function failLikeTransaction({ repo, options }: Sysroot): never {
  abandonStaging(repo, openStaging(repo, options.bootId));
  throw new UserError('TEST_ERROR', 'OSTREE_REPO_TEST_ERROR_PRE_COMMIT specified');
}

function commitOf(path: string): string {
  return parseDeploymentName(path.slice(path.lastIndexOf('/') + 1))?.checksum ?? '';
}

/** The refs of the current deployments are among the refs. */
function isNeeded({ repo, deployments }: Sysroot, commit: string): boolean {
  return (
    deployments.some(({ checksum }) => checksum === commit) ||
    listRefs(repo).some(({ checksum }) => checksum === commit)
  );
}

/** The three pairs of boot links, and the loader directory, that are not in use. */
function removeInactiveBootFiles({ sys, fd, bootversion, subbootversion }: Sysroot): void {
  const other = 1 - bootversion;
  sys.removeTree(fd, `ostree/boot.${bootversion}.${1 - subbootversion}`);
  for (const name of [`boot.${other}`, `boot.${other}.0`, `boot.${other}.1`])
    sys.removeTree(fd, `ostree/${name}`);
  sys.removeTree(fd, `boot/loader.${other}`);
  // Of a swap that was interrupted right before it.
  for (const link of ['ostree/.boot.0.tmp', 'ostree/.boot.1.tmp', 'boot/loader.tmp'])
    sys.removeTree(fd, link);
}

function removeUnusedDeployments(sysroot: Sysroot): string[] {
  const { sys, fd } = sysroot;
  const used = new Set(
    sysroot.deployments.map((deployment) => `${deployment.stateroot}/${deploymentName(deployment)}`),
  );
  const removed: string[] = [];
  for (const stateroot of staterootsOf(sysroot)) {
    const base = `ostree/deploy/${stateroot}`;
    if (sys.stat(fd, `${base}/deploy`) === null) continue;
    for (const { name } of sys.readdir(fd, `${base}/deploy`)) {
      if (name.startsWith('.') && name.endsWith('.origin.tmp')) sys.removeTree(fd, `${base}/deploy/${name}`);
      const named = name.endsWith('.origin') ? name.slice(0, -'.origin'.length) : name;
      if (parseDeploymentName(named) === null || used.has(`${stateroot}/${named}`)) continue;
      if (isRunningRoot(sysroot, `${base}/deploy/${name}`)) continue;
      sys.removeTreeFast(fd, `${base}/deploy/${name}`);
      if (named === name) {
        sys.removeTree(fd, `${base}/backing/${name}`);
        removed.push(`${base}/deploy/${name}`);
      }
    }
  }
  return removed;
}

/** The names of the stateroots, sorted. */
export function staterootsOf({ sys, fd }: Pick<Sysroot, 'sys' | 'fd'>): string[] {
  if (sys.stat(fd, 'ostree/deploy') === null) return [];
  return sys
    .readdir(fd, 'ostree/deploy')
    .filter(({ kind }) => kind === 'directory')
    .map(({ name }) => name);
}

/** Never the tree that this machine runs from, whatever the list says. */
function isRunningRoot({ sys, fd }: Sysroot, path: string): boolean {
  const stat = sys.lstat(fd, path);
  const root = sys.stat(AT_FDCWD, '/');
  return stat !== null && root !== null && stat.dev === root.dev && stat.ino === root.ino;
}

/** `/boot/ostree/*-BOOTCSUM` and overlay initrds that no deployment of the list boots with. */
export function removeUnusedKernels({ sys, fd, deployments }: Sysroot): void {
  if (sys.stat(fd, 'boot/ostree') === null) return;
  const used = new Set<string>(deployments.map(({ bootcsum }) => bootcsum));
  for (const { name } of sys.readdir(fd, 'boot/ostree')) {
    const bootcsum = name.slice(-64);
    if (name.charAt(name.length - 65) === '-' && isChecksum(bootcsum) && !used.has(bootcsum))
      sys.removeTree(fd, `boot/ostree/${name}`);
  }
  removeUnusedOverlays({ sys, fd, deployments });
}

function removeUnusedOverlays({ sys, fd, deployments }: Pick<Sysroot, 'sys' | 'fd' | 'deployments'>): void {
  const directory = `boot/${INITRD_OVERLAYS}`;
  if (sys.stat(fd, directory) === null) return;
  const used = new Set(
    deployments
      .flatMap(({ bls }) => overlayInitrds(bls))
      .map((path) => path.slice(path.lastIndexOf('/') + 1)),
  );
  for (const { name } of sys.readdir(fd, directory))
    if (!used.has(name)) sys.removeTree(fd, `${directory}/${name}`);
}
