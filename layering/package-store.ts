/** Which downloaded packages the store has already: an index beside the metadata cache, which may be lost at any time. */
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { readRef } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { formatNevra } from '#layering/nevra.ts';
import type { FileEntry } from '#layering/origin-entries.ts';
import { loadPackageTree, packageRef, type PackageTree } from '#layering/package-tree.ts';
import { cachedPackage, type CachedPackage } from '#layering/rpm-ostree-package.ts';

export interface StoredEntry {
  readonly ref: string;
  /** Whether its signature was checked when it was imported. */
  readonly verified: boolean;
}

/** By the checksum of the package file, `TYPE:HEX`, as the repository's metadata has it. */
export type StoreIndex = Map<string, StoredEntry>;

const FILE = 'imported-packages.json';
/** Older entries go first. */
const MOST_ENTRIES = 20_000;

/** What is damaged or missing counts as empty: packages are then downloaded again. */
export function readStoreIndex(cachePath: string): StoreIndex {
  try {
    const text = fs.readFileSync(path.join(cachePath, FILE), 'utf8');
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, StoredEntry] => isEntry(entry[1])));
  } catch {
    return new Map();
  }
}

/** New file, rename: a crash leaves the old index or the new one, or an empty file, which counts as none. */
export function writeStoreIndex(cachePath: string, index: StoreIndex): void {
  const file = path.join(cachePath, FILE);
  fs.mkdirSync(cachePath, { recursive: true });
  const kept = [...index].slice(-MOST_ENTRIES);
  fs.writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(kept), null, 1));
  fs.renameSync(`${file}.new`, file);
}

/** The package tree of a ref; null where the store no longer has it. */
export function findStored(repo: Repo, ref: string): PackageTree | null {
  const commit = readRef(repo, ref);
  return commit === null ? null : loadPackageTree(repo, commit);
}

/** A package that was layered from a file, in our store or in rpm-ostree's. */
export type StoredPackage =
  | { readonly kind: 'stored'; readonly tree: PackageTree }
  | { readonly kind: 'cached'; readonly cached: CachedPackage };

/** @throws UserError NO_PACKAGE where no store has it any more */
export function storedPackageOf(repo: Repo, entry: FileEntry): StoredPackage {
  const own = findStored(repo, packageRef(entry.nevra, entry.sha256));
  if (own !== null) return { kind: 'stored', tree: own };
  const cached = cachedPackage(repo, entry);
  const adopted = cached === null ? null : findStored(repo, packageRef(cached.nevra, cached.headerSha256));
  if (adopted !== null) return { kind: 'stored', tree: adopted };
  if (cached !== null) return { kind: 'cached', cached };
  throw new UserError(
    'NO_PACKAGE',
    `the package file of ${formatNevra(entry.nevra)} that was layered is no longer in the store`,
    {
      hint: `install it again from its file, or take it away with 'yum-ostree uninstall'`,
    },
  );
}

function isEntry(value: unknown): value is StoredEntry {
  if (typeof value !== 'object' || value === null) return false;
  return 'ref' in value && typeof value.ref === 'string' && 'verified' in value;
}
