/** Packages that rpm-ostree layered from files: commits of its own, which are taken into our store. */
import { lookupVariant, metadataString } from '#ostree/format/commit.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { digest } from '#native/hash.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import { readRef } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { formatEvr } from '#layering/evr.ts';
import { adoptTree } from '#layering/import-rpm.ts';
import { formatNevra } from '#layering/nevra.ts';
import type { FileEntry } from '#layering/origin-entries.ts';
import { readPackageStart, type PackageStart } from '#layering/rpm-file.ts';
import { quoteRefComponent } from '#layering/tree-ref.ts';

/** A package in rpm-ostree's store. */
export interface CachedPackage extends PackageStart {
  readonly commit: Checksum;
  /** Whether its files have SELinux labels. */
  readonly isLabelled: boolean;
}

/**
 * The package of an origin's entry, as rpm-ostree's import keeps it: under a ref named by its NEVRA, with all that is before the
 * payload in the commit's metadata. Null where it is not there, or another build is.
 * @throws UserError BAD_RPM_HEADER, BAD_RPM
 */
export function cachedPackage(repo: Repo, { sha256, nevra }: FileEntry): CachedPackage | null {
  const build = `${quoteRefComponent(formatEvr(nevra))}.${quoteRefComponent(nevra.arch)}`;
  const checksum = readRef(repo, `rpmostree/pkg/${quoteRefComponent(nevra.name)}/${build}`);
  if (checksum === null) return null;
  const commit = loadCommit(repo, checksum);
  const bytes = lookupVariant(commit.metadata, 'rpmostree.metadata', 'ay');
  if (!(bytes instanceof Uint8Array) || digest('sha256', bytes) !== sha256) return null;
  const isLabelled = metadataString(commit, 'rpmostree.sepolicy') !== undefined;
  const start = readPackageStart(bytes, `package ${formatNevra(nevra)} of rpm-ostree`);
  return { ...start, commit: checksum, isLabelled };
}

/**
 * Stages the same package as an import of its file would, from the objects that are there. What rpm-ostree left out of it
 * (files below /var, documentation) stays left out. @returns the commit
 */
export function adoptCached(txn: Transaction, cached: CachedPackage): Checksum {
  return adoptTree(txn, cached, MutableTree.fromCommit(txn.repo, cached.commit));
}
