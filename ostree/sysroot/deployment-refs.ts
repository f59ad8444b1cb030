/** `ostree/B/M/INDEX`: refs that keep the commits of the deployments from being pruned. */
import type { Syscalls } from '#native/syscalls.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';
import { makeDirectories, replaceFile } from '#ostree/sysroot/write-file.ts';

const ROOT = 'refs/heads/ostree';

/** Which list of deployments a set of refs belongs to. */
export interface BootVersions {
  readonly bootversion: Bit;
  readonly subbootversion: Bit;
}

/** Writes the refs of one list and removes that list's older ones. Durable with the next sync of the file system. */
export function writeDeploymentRefs(
  repo: Repo,
  versions: BootVersions,
  deployments: readonly Deployment[],
): void {
  const { sys, fd } = repo;
  const directory = `${ROOT}/${versions.bootversion}/${versions.subbootversion}`;
  makeDirectories(sys, fd, directory);
  deployments.forEach(({ checksum }, index) => {
    const path = `${directory}/${index}`;
    if (sys.readText(fd, path)?.trim() !== checksum) replaceFile(sys, fd, { path, text: `${checksum}\n` });
  });
  for (const { name } of sys.readdir(fd, directory))
    if (!deployments.some((_, index) => String(index) === name)) sys.removeTree(fd, `${directory}/${name}`);
}

/** Removes the refs of every list but one. @returns the commits that these refs named and that one does not */
export function removeOtherDeploymentRefs(repo: Repo, current: BootVersions): string[] {
  const kept = new Set(commitsOf(repo.sys, repo, current));
  const dropped = new Set<string>();
  for (const bootversion of [0, 1] as const)
    for (const subbootversion of [0, 1] as const) {
      const other = { bootversion, subbootversion };
      if (bootversion === current.bootversion && subbootversion === current.subbootversion) continue;
      for (const commit of commitsOf(repo.sys, repo, other)) if (!kept.has(commit)) dropped.add(commit);
      repo.sys.removeTree(repo.fd, `${ROOT}/${bootversion}/${subbootversion}`);
    }
  return [...dropped];
}

function commitsOf(sys: Syscalls, repo: Repo, { bootversion, subbootversion }: BootVersions): string[] {
  const directory = `${ROOT}/${bootversion}/${subbootversion}`;
  if (sys.stat(repo.fd, directory) === null) return [];
  return sys
    .readdir(repo.fd, directory)
    .filter(({ kind }) => kind === 'file')
    .map(({ name }) => sys.readText(repo.fd, `${directory}/${name}`)?.trim() ?? '');
}
