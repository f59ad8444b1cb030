/** Adding signatures that are not GnuPG's to a commit, and checking them. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { loadMetadataBytes, readDetachedMetadata, writeDetachedMetadata } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { SignEngine } from '#ostree/repo/sign-engines.ts';

/** The entry that holds what the keys sign of `data`. @throws UserError BAD_KEY */
export function signedEntry(
  engine: SignEngine,
  data: Uint8Array,
  secrets: readonly string[],
): VariantDict[number] {
  return [engine.metadataKey, { type: 'aay', value: secrets.map((secret) => engine.sign(data, secret)) }];
}

/** @throws UserError BAD_KEY: then none is added */
export function addSignatures(
  repo: Repo,
  commit: Checksum,
  { engine, secrets }: { readonly engine: SignEngine; readonly secrets: readonly string[] },
): void {
  const data = loadMetadataBytes(repo, commit, 'commit');
  const made = secrets.map((secret) => engine.sign(data, secret));
  const detached = readDetachedMetadata(repo, commit) ?? [];
  writeDetachedMetadata(repo, commit, [
    ...detached.filter(([key]) => key !== engine.metadataKey),
    [engine.metadataKey, { type: 'aay', value: [...signaturesOf(detached, engine), ...made] }],
  ]);
}

/** What is said of the good signature. @throws UserError BAD_SIGNATURE, BAD_KEY */
export function checkSignatures(
  repo: Repo,
  commit: Checksum,
  { engine, keys }: { readonly engine: SignEngine; readonly keys: readonly string[] },
): string {
  const data = loadMetadataBytes(repo, commit, 'commit');
  const signatures = signaturesOf(readDetachedMetadata(repo, commit) ?? [], engine);
  const said = engine.verify(repo, { data, signatures }, keys);
  if (said !== null) return said;
  const why = signatures.length === 0 ? `${engine.name}: no signatures found` : engine.failed(keys);
  throw new UserError('BAD_SIGNATURE', `No valid signatures found: ${why}`);
}

function signaturesOf(detached: VariantDict, engine: SignEngine): Uint8Array[] {
  return (lookupVariant(detached, engine.metadataKey, 'aay') as Uint8Array[] | undefined) ?? [];
}
