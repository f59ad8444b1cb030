/** Packages in the object store: their refs, and what their commits say. */
import type { Checksum } from '#ostree/format/checksum.ts';
import { lookupVariant } from '#ostree/format/commit.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { VariantDict } from '#ostree/format/gvariant.ts';
import { parseRefName, type RefName } from '#ostree/format/ref-name.ts';
import { hasObject, loadCommit } from '#ostree/repo/objects.ts';
import { readRef } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { formatNevra, type Nevra } from '#layering/nevra.ts';
import { usableNevra, type RpmFile } from '#layering/rpm-file.ts';
import { parseHeader, type RpmHeader } from '#layering/rpm-header.ts';
import { refComponent } from '#layering/tree-ref.ts';

/** An imported package. */
export interface PackageTree {
  readonly commit: Checksum;
  readonly nevra: Nevra;
  readonly header: RpmHeader;
  readonly signatureHeader: RpmHeader;
  /** Of the header with its magic. */
  readonly headerSha256: string;
  /** The repository that it was imported from; null where that was not known. */
  readonly repoId: string | null;
  /** Seconds since the epoch. */
  readonly buildTime: number;
  /** Whether its files have SELinux labels. */
  readonly isLabelled: boolean;
  /** The root's dirtree and dirmeta. */
  readonly contents: Checksum;
  readonly meta: Checksum;
}

/** All package refs start with this. */
export const PACKAGE_REFS = 'yum-ostree/pkg';

const FORMAT = 1;
const KEY = {
  format: 'yum-ostree.package-format',
  nevra: 'yum-ostree.nevra',
  header: 'yum-ostree.header',
  signature: 'yum-ostree.signature-header',
  sha256: 'yum-ostree.header-sha256',
  repo: 'yum-ostree.repo',
  labelled: 'yum-ostree.labelled',
} as const;

/** `yum-ostree/pkg/NEVRA/SHA256-of-header`, quoted: a NEVRA alone may be built twice. */
export function packageRef(nevra: Nevra, headerSha256: string): RefName {
  return parseRefName(`${PACKAGE_REFS}/${refComponent(formatNevra(nevra))}/${headerSha256}`);
}

/** The commit of the same package, where the store has it. */
export function storedPackage(repo: Repo, rpm: Pick<RpmFile, 'nevra' | 'headerSha256'>): Checksum | null {
  const commit = readRef(repo, packageRef(rpm.nevra, rpm.headerSha256));
  return commit !== null && hasObject(repo, commit, 'commit') ? commit : null;
}

/** The metadata of a package's commit: the headers as they are in the package. */
export function packageMetadata(
  rpm: Pick<RpmFile, 'nevra' | 'header' | 'headerSha256' | 'signatureHeader'>,
  { repoId, isLabelled }: { readonly repoId: string | undefined; readonly isLabelled: boolean },
): VariantDict {
  return [
    [KEY.format, { type: 'u', value: FORMAT }],
    [KEY.nevra, { type: 's', value: formatNevra(rpm.nevra) }],
    [KEY.header, { type: 'ay', value: rpm.header.bytes }],
    [KEY.sha256, { type: 's', value: rpm.headerSha256 }],
    [KEY.signature, { type: 'ay', value: rpm.signatureHeader.bytes }],
    ...(repoId === undefined ? [] : [[KEY.repo, { type: 's', value: repoId }] as const]),
    ...(isLabelled ? [[KEY.labelled, { type: 'b', value: true }] as const] : []),
  ];
}

/** @throws UserError NOT_A_PACKAGE, BAD_RPM_HEADER, BAD_NAME, NO_OBJECT */
export function loadPackageTree(repo: Repo, checksum: Checksum): PackageTree {
  const commit = loadCommit(repo, checksum);
  const format = lookupVariant(commit.metadata, KEY.format, 'u');
  const text = (key: string) => lookupVariant(commit.metadata, key, 's');
  const bytes = (key: string) => lookupVariant(commit.metadata, key, 'ay');
  const [header, signature, sha256] = [bytes(KEY.header), bytes(KEY.signature), text(KEY.sha256)];
  const isWhole =
    header instanceof Uint8Array && signature instanceof Uint8Array && typeof sha256 === 'string';
  if (format !== FORMAT || !isWhole)
    throw new UserError('NOT_A_PACKAGE', `commit ${checksum} is not an imported package`);
  const name = text(KEY.nevra);
  const where = `package ${typeof name === 'string' ? name : checksum}`;
  const parsed = parseHeader(header, where);
  const repoId = text(KEY.repo);
  return {
    commit: checksum,
    nevra: usableNevra(parsed),
    header: parsed,
    signatureHeader: parseHeader(signature, where),
    headerSha256: sha256,
    repoId: typeof repoId === 'string' ? repoId : null,
    buildTime: commit.timestamp,
    isLabelled: lookupVariant(commit.metadata, KEY.labelled, 'b') === true,
    contents: commit.rootContents,
    meta: commit.rootMeta,
  };
}
