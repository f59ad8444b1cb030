import type { Comps } from '#layering/comps.ts';
import type { Keyring } from '#layering/keyring.ts';
import type { Advisory } from '#layering/updateinfo.ts';
import type { RepositoryConfig } from '#layering/repository-config.ts';

/** A .solv file and the mark that says it was made from the metadata wanted. */
export interface SolvFile {
  readonly path: string;
  readonly key: string;
}

/** A repository whose metadata is at hand and verified. */
export interface LoadedRepository {
  readonly config: RepositoryConfig;
  /** `sha256:hex` of repomd.xml: names the state of the whole repository. */
  readonly repomdChecksum: string;
  /** The addresses that `location` of a package is relative to, best first; each ends in a slash. */
  readonly baseUrls: readonly string[];
  /** Its packages for the solver; with every file list where asked for. `renew` makes a damaged file anew. */
  solv(options: { readonly filelists: boolean; readonly renew?: boolean }): Promise<SolvFile>;
  /** Its groups; null where it has none. */
  comps(): Promise<Comps | null>;
  /** NEVRAs that its module metadata keeps from view: those of streams that are not the default. */
  modularPackages(): Promise<readonly string[]>;
  /** Why its packages were updated; empty where it does not tell. */
  advisories(): Promise<readonly Advisory[]>;
  /** Brings what a later run without network needs into the cache. */
  prefetch(): Promise<void>;
  /** The keys that its packages may be signed with. */
  keyring(): Promise<Keyring>;
}

/** The groups of each repository that has any. */
export async function allComps(repositories: readonly LoadedRepository[]): Promise<Comps[]> {
  const all = await Promise.all(repositories.map((repository) => repository.comps()));
  return all.filter((comps) => comps !== null);
}
