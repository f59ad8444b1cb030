/** Which tree `apply-live` is to make run: the deployment that boots next, or one that is named. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import type { LiveTree } from '#layering/live-record.ts';
import { readDerived, readStatus } from '#layering/status.ts';

/**
 * @param named the name of a deployment's tree, a ref, a commit or the beginning of one; null for what boots next
 * @throws UserError NO_DEPLOYMENT, NO_REV, NO_OBJECT, AMBIGUOUS_REV
 */
export function liveTarget(sysroot: Sysroot, booted: Deployment, named: string | null): LiveTree {
  const deployed = readStatus(sysroot, booted.stateroot);
  const treeOf = (commit: Checksum): LiveTree => ({
    commit,
    treeName:
      deployed.find(({ deployment }) => deployment.checksum === commit)?.treeName ??
      readDerived(loadCommit(sysroot.repo, commit))?.treeName ??
      named ??
      commit,
  });
  if (named !== null) {
    const same = deployed.find(({ treeName, id }) => treeName === named || id === named);
    return treeOf(same?.deployment.checksum ?? resolveRev(sysroot.repo, named));
  }
  const [next] = deployed;
  if (next === undefined || next.deployment.isBooted)
    throw new UserError('NO_DEPLOYMENT', 'no other deployment boots next that could be applied', {
      hint: "'yum-ostree install ITEM' makes one; --target names another tree; --reset takes back what was applied",
    });
  return treeOf(next.deployment.checksum);
}

/** A commit's short form, beside its name. */
export function liveTreeText({ commit, treeName }: LiveTree): string {
  return isChecksum(treeName) ? treeName : `${treeName} (${commit.slice(0, 12)})`;
}
