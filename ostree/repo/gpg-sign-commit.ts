/** Adding signatures of GnuPG to a commit that is there, and taking them away. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { exportGpgKeys, keyFingerprints, signGpg, verifyGpg } from '#ostree/repo/gpg.ts';
import { loadMetadataBytes, readDetachedMetadata, writeDetachedMetadata } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { gpgSignatures } from '#ostree/repo/trusted-keys.ts';

const SIGNATURES = 'ostree.gpgsigs';

/** Keys by their ids, names or addresses, and where GnuPG keeps them (null: in the caller's home). */
export interface GpgKeys {
  readonly ids: readonly string[];
  readonly home: string | null;
}

/** @throws UserError NO_KEY; SIGNED where the commit has a signature of one of the keys: then none is added */
export function addGpgSignatures(repo: Repo, commit: Checksum, keys: GpgKeys): void {
  const data = loadMetadataBytes(repo, commit, 'commit');
  const present = signersOf(repo, commit, { data, home: keys.home });
  const made = keys.ids.map((id) => {
    if (isSignedBy(present, fingerprintsOf(id, keys.home)))
      throw new UserError('SIGNED', `Commit is already signed with GPG key ${id}`);
    return signGpg(data, { id, home: keys.home });
  });
  const kept = gpgSignatures(readDetachedMetadata(repo, commit));
  store(repo, commit, [...kept, ...made]);
}

/** @returns how many were taken away */
export function deleteGpgSignatures(repo: Repo, commit: Checksum, keys: GpgKeys): number {
  const data = loadMetadataBytes(repo, commit, 'commit');
  const doomed = keys.ids.flatMap((id) => keyFingerprints(id, keys.home));
  const present = signersOf(repo, commit, { data, home: keys.home });
  const kept = present.filter((one) => !isSignedBy([one], doomed));
  const deleted = present.length - kept.length;
  if (deleted > 0)
    store(
      repo,
      commit,
      kept.map(({ signature }) => signature),
    );
  return deleted;
}

interface Signer {
  readonly signature: Uint8Array;
  /** Of the key, or the end of it where the key is not known. */
  readonly fingerprints: readonly string[];
}

function signersOf(
  repo: Repo,
  commit: Checksum,
  { data, home }: { readonly data: Uint8Array; readonly home: string | null },
): Signer[] {
  const signatures = gpgSignatures(readDetachedMetadata(repo, commit));
  if (signatures.length === 0) return [];
  const keyring = exportGpgKeys(home);
  return signatures.map((signature) => ({
    signature,
    fingerprints: verifyGpg(data, [signature], [keyring]).map(({ fingerprint }) => fingerprint),
  }));
}

function isSignedBy(signers: readonly Signer[], fingerprints: readonly string[]): boolean {
  return signers.some((signer) =>
    signer.fingerprints.some((end) => end !== '' && fingerprints.some((whole) => whole.endsWith(end))),
  );
}

function fingerprintsOf(id: string, home: string | null): string[] {
  const found = keyFingerprints(id, home);
  if (found.length > 0) return found;
  throw new UserError('NO_KEY', `No gpg key found with ID ${id} (homedir: ${home ?? 'the default'})`);
}

function store(repo: Repo, commit: Checksum, signatures: readonly Uint8Array[]): void {
  const others = (readDetachedMetadata(repo, commit) ?? []).filter(([key]) => key !== SIGNATURES);
  const all: VariantDict =
    signatures.length === 0 ? others : [...others, [SIGNATURES, { type: 'aay', value: [...signatures] }]];
  // Without one left the empty list stays: who pulls again gives his up, too.
  writeDetachedMetadata(repo, commit, all);
}
