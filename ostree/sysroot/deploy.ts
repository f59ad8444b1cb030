/** A commit becomes a deployment: its directory, /etc, /var and origin. That it boots is `bootloader/`'s business. */
import type { Fd } from '#native/syscalls.ts';
import { EMPTY_BLS } from '#ostree/format/bls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { requireNewKernelArgs, type KernelArgs } from '#ostree/format/kernel-args.ts';
import type { KeyFile } from '#ostree/format/keyfile.ts';
import { checkoutTree } from '#ostree/repo/checkout.ts';
import { subtree } from '#ostree/sysroot/subtree.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import {
  deploymentPath,
  isPinnedOrigin,
  originPath,
  parseDeploymentName,
  type Deployment,
  type NewDeployment,
} from '#ostree/sysroot/deployment.ts';
import { requireDeploySpace } from '#ostree/sysroot/deploy-space.ts';
import { carryEtc, setImmutable } from '#ostree/sysroot/finish-staged.ts';
import { bootChecksum, readKernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import type { EtcDiff } from '#ostree/sysroot/merge-etc.ts';
import { writeOrigin } from '#ostree/sysroot/origin.ts';
import { initVar } from '#ostree/sysroot/stateroot-var.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { oldTreeKernelArgs, treeKernelArgs, withTreeKernelArgs } from '#ostree/sysroot/tree-kargs.ts';
import { makeDirectories, makeDirectory } from '#ostree/sysroot/write-file.ts';

export interface DeployRequest {
  readonly stateroot: string;
  readonly checksum: Checksum;
  readonly origin: KeyFile;
  /** Whose changes of /etc (and whose kernel arguments) are carried over. */
  readonly merge: Deployment | null;
  /** Instead of the merge deployment's. An `ostree=` among them only says where the new one's goes. */
  readonly kargs?: KernelArgs;
  /** The commit, checked out already: a directory's name in `ostree/deploy/STATEROOT/deploy`, which is renamed. */
  readonly preparedFarm?: string;
  /** Initrds to load after that of the tree: checksums of files in `STAGED_INITRDS`. */
  readonly addedInitrds?: readonly Checksum[];
  /** What is to be done at shutdown is left to `finishStaged`: the merge of /etc and the immutable flag. */
  readonly isStaged?: boolean;
  /** Told what of /etc is carried over, before the merge's result is final. */
  onEtcMerge?(diff: EtcDiff): void;
}

/**
 * Makes the directory of a new deployment. Nothing refers to it yet: a crash leaves a directory that the next cleanup
 * removes; an error removes it here. Durable with the sync that `bootNext` does.
 * @throws UserError NO_STATEROOT, NO_OBJECT, BAD_TREE, NO_KERNEL, ETC_CONFLICT, NO_SPACE, BAD_KARG
 */
export function deployTree(sysroot: Sysroot, request: DeployRequest): NewDeployment {
  const { stateroot, checksum } = request;
  requireNewKernelArgs(request.kargs ?? [], sysroot.deployments);
  const deployserial = prepareStateroot(sysroot, stateroot, checksum);
  const path = deploymentPath({ stateroot, checksum, deployserial });
  try {
    return during(`deploying ${checksum.slice(0, 12)} to ${stateroot}`, () => {
      if (request.preparedFarm === undefined) requireDeploySpace(sysroot, checksum);
      placeFarm(sysroot, request, path);
      return finishDeployment(sysroot, request, { path, deployserial });
    });
  } catch (error) {
    sysroot.sys.removeTree(sysroot.fd, path);
    sysroot.sys.removeTree(sysroot.fd, `${path}.origin`);
    throw withSpaceHint(error, sysroot.path);
  }
}

/** The first serial that no directory of this commit has. */
function prepareStateroot({ sys, fd, repo }: Sysroot, stateroot: string, checksum: Checksum): number {
  const base = `ostree/deploy/${stateroot}`;
  if (sys.stat(fd, base) === null)
    throw new UserError('NO_STATEROOT', `No such stateroot: ${stateroot}`, {
      hint: `'ostree admin stateroot-init ${stateroot}' makes it`,
    });
  loadCommit(repo, checksum);
  makeDirectories(sys, fd, `${base}/deploy`);
  const serials = sys
    .readdir(fd, `${base}/deploy`)
    .map(({ name }) => parseDeploymentName(name))
    .filter((found) => found?.checksum === checksum)
    .map((found) => found?.deployserial ?? 0);
  return Math.max(-1, ...serials) + 1;
}

function placeFarm({ sys, fd, repo }: Sysroot, request: DeployRequest, path: string): void {
  if (request.preparedFarm === undefined) {
    checkoutTree(repo, request.checksum, { dir: fd, name: path }, { passthroughWhiteouts: true });
    return;
  }
  sys.rename(fd, `ostree/deploy/${request.stateroot}/deploy/${request.preparedFarm}`, fd, path);
}

function finishDeployment(
  sysroot: Sysroot,
  request: DeployRequest,
  place: { readonly path: string; readonly deployserial: number },
): NewDeployment {
  const { sys } = sysroot;
  const farm = sys.open(sysroot.fd, place.path, ['read', 'directory', 'nofollow']);
  try {
    const layout = readKernelLayout(sys, farm, sysroot.options.debug);
    const bootcsum = bootChecksum(sys, farm, layout);
    makeEtc(sysroot, request.checksum, farm);
    initVar(sysroot, request, farm);
    const isStaged = request.isStaged === true;
    if (!isStaged) carryEtc(sysroot, request, farm);
    const deployment: NewDeployment = {
      stateroot: request.stateroot,
      checksum: request.checksum,
      deployserial: place.deployserial,
      bootcsum,
      bootserial: -1,
      index: -1,
      origin: request.origin,
      kargs: kernelArgsOf(sysroot, request, farm),
      bls: EMPTY_BLS,
      tries: null,
      ...(request.addedInitrds === undefined ? {} : { addedInitrds: request.addedInitrds }),
      isStaged,
      isBooted: false,
      isPinned: isPinnedOrigin(request.origin),
    };
    writeOrigin(sysroot, originPath(deployment), request.origin);
    if (!isStaged) setImmutable(sysroot, farm);
    return deployment;
  } finally {
    sys.close(farm);
  }
}

function kernelArgsOf({ sys, fd }: Sysroot, { kargs, merge }: DeployRequest, farm: Fd): KernelArgs {
  const args = kargs ?? merge?.kargs ?? [];
  const after = treeKernelArgs(sys, farm);
  if (merge === null) return withTreeKernelArgs(args, [], after);
  const old = sys.open(fd, deploymentPath(merge), ['read', 'directory', 'nofollow']);
  try {
    return withTreeKernelArgs(args, oldTreeKernelArgs(sys, old), after);
  } finally {
    sys.close(old);
  }
}

/** The tree's default configuration lies in `usr/etc`; `etc` becomes a copy of its own. */
function makeEtc({ sys, repo }: Sysroot, commit: Checksum, farm: Fd): void {
  const hasEtc = sys.lstat(farm, 'etc') !== null;
  const hasUsrEtc = sys.lstat(farm, 'usr/etc') !== null;
  const isEmpty = hasEtc && sys.readdir(farm, 'etc').length === 0;
  if (hasEtc && hasUsrEtc && !isEmpty)
    throw new UserError('BAD_TREE', 'Tree contains both /etc and /usr/etc', {
      hint: 'a commit keeps its configuration in /usr/etc only',
    });
  if (isEmpty) sys.rmdir(farm, 'etc');
  const movesEtc = hasEtc && !isEmpty;
  if (movesEtc) {
    makeDirectory(sys, farm, 'usr');
    sys.rename(farm, 'etc', farm, 'usr/etc');
  }
  if (!hasUsrEtc && !movesEtc) return;
  const tree = subtree(repo, commit, movesEtc ? 'etc' : 'usr/etc');
  if (tree !== null) checkoutTree(repo, tree, { dir: farm, name: 'etc' }, { forceCopy: true });
}

function withSpaceHint(error: unknown, path: string): unknown {
  if (codeOf(error) !== 'ENOSPC' || !(error instanceof Error)) return error;
  return new UserError('NO_SPACE', `${error.message}: the file system of ${path} is full`, {
    hint: `'ostree admin cleanup' and 'ostree admin undeploy' make room`,
    cause: error,
  });
}
