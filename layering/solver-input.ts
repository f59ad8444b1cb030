/** Packages of an rpmdb, of the store, and of files, as the solver takes them. */
import fs from 'node:fs';
import { createHash } from '#native/hash.ts';
import type { Dependency, InstalledPackage, LocalPackage } from '#layering/installed-package.ts';
import { readDependencies, type DependencyKind } from '#layering/rpm-dependencies.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { nevraOf, type RpmFile } from '#layering/rpm-file.ts';
import { getNumber, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';
import type { InstalledHeader } from '#layering/rpmdb-read.ts';

/** Keys that `rpm --import` put into a database are no packages. */
export const KEY_PACKAGE = 'gpg-pubkey';

export function installedPackages(headers: readonly InstalledHeader[]): InstalledPackage[] {
  return headers.map(({ header }) => solverPackage(header)).filter(({ name }) => name !== KEY_PACKAGE);
}

/** rpm's name of the base's architecture: what most of its packages are for. */
export function architectureOf(packages: readonly InstalledPackage[]): string | null {
  const counts = new Map<string, number>();
  for (const { arch } of packages) if (arch !== 'noarch') counts.set(arch, (counts.get(arch) ?? 0) + 1);
  // Of a tie, the 64-bit one: it runs the others too.
  const is64 = (arch: string): number => Number(arch.includes('64'));
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || is64(b) - is64(a));
  return most?.[0] ?? null;
}

/** A package file; it is read once more, for its checksum. */
export function localPackage(rpm: RpmFile): LocalPackage {
  return {
    ...solverPackage(rpm.header),
    path: rpm.path,
    sha256: fileSha256(rpm.path),
    packageSize: rpm.payloadRange.end,
    installedSize: installedSize(rpm.header),
    buildTime: getNumber(rpm.header, TAG.BUILDTIME) ?? 0,
  };
}

/** A package that was layered from a file before and is in the store; `path` is what stands for it. */
export function storedPackage(header: RpmHeader, path: string): LocalPackage {
  return {
    ...solverPackage(header),
    path,
    sha256: '0'.repeat(64),
    packageSize: 0,
    installedSize: installedSize(header),
    buildTime: getNumber(header, TAG.BUILDTIME) ?? 0,
    layered: true,
  };
}

/** Bytes. */
export function installedSize(header: RpmHeader): number {
  return getNumber(header, TAG.LONGSIZE) ?? getNumber(header, TAG.SIZE) ?? 0;
}

function solverPackage(header: RpmHeader): InstalledPackage {
  const list = (kind: DependencyKind): Dependency[] =>
    readDependencies(header, kind).map(({ name, flags, version }) => ({ name, flags, evr: version }));
  return {
    ...nevraOf(header),
    provides: list('provides'),
    requires: list('requires'),
    conflicts: list('conflicts'),
    obsoletes: list('obsoletes'),
    recommends: list('recommends'),
    suggests: list('suggests'),
    supplements: list('supplements'),
    enhances: list('enhances'),
    files: filePaths(header),
  };
}

function fileSha256(path: string): string {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(1 << 20);
  const fd = fs.openSync(path, 'r');
  try {
    for (let got = -1; got !== 0;) {
      got = fs.readSync(fd, buffer, 0, buffer.length, null);
      hash.update(buffer.subarray(0, got));
    }
  } finally {
    fs.closeSync(fd);
  }
  return hash.digest('hex');
}
