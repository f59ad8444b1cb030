/** What every status tells of a deployment. */
import { metadataString } from '#ostree/format/commit.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { originRefspec, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** The first keys of `ostree admin status --json`. */
export function placeFacts(deployment: Deployment): {
  readonly checksum: string;
  readonly stateroot: string;
  readonly refspec?: string;
  readonly serial: number;
  readonly index: number;
  readonly booted: boolean;
} {
  const refspec = originRefspec(deployment);
  return {
    checksum: deployment.checksum,
    stateroot: deployment.stateroot,
    ...(refspec === null ? {} : { refspec }),
    serial: deployment.deployserial,
    index: deployment.index,
    booted: deployment.isBooted,
  };
}

/** null for what the commit does not say, or where it is gone. */
export function commitFacts(
  { repo }: Sysroot,
  { checksum }: Deployment,
): { readonly version: string | null; readonly sourceTitle: string | null } {
  const commit = loadCommitIfThere(repo, checksum);
  if (commit === null) return { version: null, sourceTitle: null };
  return {
    version: metadataString(commit, 'version') ?? null,
    sourceTitle: metadataString(commit, 'ostree.source-title') ?? null,
  };
}
