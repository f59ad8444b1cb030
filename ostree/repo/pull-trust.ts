/** What a remote's configuration wants verified of what is pulled from it. */
import type { VariantDict } from '#ostree/format/gvariant.ts';
import type { PullRequest } from '#ostree/repo/pull-remote.ts';
import type { Remote } from '#ostree/repo/remote.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { ed25519Keys, requireEd25519Signature } from '#ostree/repo/sign-keys.ts';
import { remoteKeyrings, requireGpgSignature, type TrustSettings } from '#ostree/repo/trusted-keys.ts';

type Check = (data: Uint8Array, detached: VariantDict | null, what: string) => void;

/** Where both kinds of signature are asked for, both have to be good. Keys are read when the first one is needed. */
export function signatureChecks(
  repo: Repo,
  remote: Remote,
  trust: TrustSettings,
): Pick<PullRequest, 'verifyCommit' | 'verifySummary'> {
  const gpg = gpgCheck(repo, remote, trust);
  const ed25519 = ed25519Check(repo, remote, trust);
  const ofCommit = [...(remote.gpgVerify ? [gpg] : []), ...(remote.signVerify ? [ed25519] : [])];
  const ofSummary = [
    ...(remote.gpgVerifySummary ? [gpg] : []),
    ...(remote.signVerifySummary ? [ed25519] : []),
  ];
  return {
    verifySummary:
      ofSummary.length === 0
        ? null
        : (data, detached) => ofSummary.forEach((check) => check(data, detached, 'summary')),
    ...(ofCommit.length === 0
      ? {}
      : {
          verifyCommit: (commit, data, detached) =>
            ofCommit.forEach((check) => check(data, detached, `Commit ${commit}`)),
        }),
  };
}

function gpgCheck(repo: Repo, remote: Remote, trust: TrustSettings): Check {
  let keyrings: readonly Uint8Array[] | null = null;
  return (data, detached, what) => {
    keyrings ??= remoteKeyrings(repo, remote, trust);
    requireGpgSignature({ what, data, detached }, keyrings, repo.sys.now());
  };
}

function ed25519Check(repo: Repo, remote: Remote, trust: TrustSettings): Check {
  let keys: readonly Uint8Array[] | null = null;
  return (data, detached, what) => {
    keys ??= ed25519Keys(remote, trust.ed25519Directories);
    requireEd25519Signature(repo, { what, data, detached }, keys);
  };
}
