/** The lines of `admin status` about the signatures of a deployment's commit. */
import type { CliContext } from '#cli/context.ts';
import { remotesBelow } from '#cli/ostree-repo-remotes-directory.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { verifyGpg } from '#ostree/repo/gpg.ts';
import { describeSignature } from '#ostree/repo/gpg-status.ts';
import { loadMetadataBytes, readDetachedMetadata } from '#ostree/repo/objects.ts';
import { listRemotes, type Remote } from '#ostree/repo/remote.ts';
import { gpgSignatures, remoteKeyrings } from '#ostree/repo/trusted-keys.ts';
import { originRefspec, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** `GPG: …` for each line of each signature, where the deployment's remote verifies; else none. Never throws. */
export function signatureLines(sysroot: Sysroot, deployment: Deployment, context: CliContext): string[] {
  const { repo, path } = sysroot;
  try {
    const remote = remoteOf(sysroot, deployment, remotesBelow(context, path));
    if (remote === null || !remote.gpgVerify) return [];
    const data = loadMetadataBytes(repo, deployment.checksum, 'commit');
    const signatures = gpgSignatures(readDetachedMetadata(repo, deployment.checksum));
    const keyrings = remoteKeyrings(repo, remote, { globalDirectory: context.env['OSTREE_GPG_HOME'] });
    return verifyGpg(data, signatures, keyrings).flatMap((signature) =>
      describeSignature(signature, repo.sys.now()).map(
        (line, at) => `${at === 0 ? '    GPG: ' : '         '}${line}`,
      ),
    );
  } catch (error) {
    // A status that says less is worth more than none.
    return codeOf(error) === 'NO_OBJECT' ? [] : [`    GPG: ${messageOf(error)}`];
  }
}

function remoteOf({ repo }: Sysroot, deployment: Deployment, directory: string | null): Remote | null {
  const refspec = originRefspec(deployment);
  // Of `REF^`, which is no refspec, it is found too.
  const name = refspec?.includes(':') === true ? refspec.slice(0, refspec.indexOf(':')) : null;
  return listRemotes(repo, directory).find((remote) => remote.name === name) ?? null;
}
