/** The first labels of a stateroot's /var: those of the policy that the first deployment with one brings. */
import { replaceFile } from '#ostree/sysroot/write-file.ts';
import { deploymentPath, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { deployedPolicy, ensureLabels } from '#layering/ensure-labels.ts';

/** As ostree names it: where it is, /var has been labelled, and stays as it is. */
const STAMP = '.ostree-selabeled';

/**
 * Labels what is in /var of the deployment's stateroot without a label, once, as `ostree admin deploy` does. A crash
 * leaves some without, and no stamp: the next deployment goes on.
 * @throws UserError BAD_POLICY
 */
export async function labelVarOnce(
  sysroot: Sysroot,
  deployment: Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>,
): Promise<void> {
  const { sys, fd, repo } = sysroot;
  const place = `ostree/deploy/${deployment.stateroot}/var`;
  if (sys.lstat(fd, `${place}/${STAMP}`) !== null) return;
  const policy = deployedPolicy(sys, `${sysroot.path}/${deploymentPath(deployment)}`);
  if (policy === null) return;
  const directory = { path: `${sysroot.path}/${place}`, prefix: 'var' };
  await ensureLabels(repo, policy, directory);
  replaceFile(sys, fd, { path: `${place}/${STAMP}`, text: '' });
  const stamp = { path: `${directory.path}/${STAMP}`, prefix: `var/${STAMP}` };
  await ensureLabels(repo, policy, stamp);
}
