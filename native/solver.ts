import { loadAddon } from '#native/load.ts';

/**
 * libsolv, with the names that hawkey and libdnf gave these things: a `Sack` holds the packages of several
 * repositories, a `Goal` what shall be true afterwards. No number of libsolv's leaves the addon.
 */
export interface SolverAddon {
  /** An empty sack for packages of `arch` (rpm's name of it: 'x86_64', 'aarch64') and what that machine also runs. */
  readonly Sack: new (arch: string) => Sack;
  readonly Goal: new (sack: Sack) => Goal;
  readonly libsolvVersion: string;
  /**
   * Reads primary.xml (and filelists.xml; '' for none) in any compression libsolv knows and writes `output`, the same
   * as a .solv file marked with `key`. Works on its own thread. Resolves to the number of packages.
   */
  convertMetadata(
    arch: string,
    primary: string,
    filelists: string,
    output: string,
    key: string,
  ): Promise<number>;
  /** A whole file, decompressed by what its name ends in (.gz, .xz, .zst, or not at all), at most `maximum` bytes. */
  readCompressed(file: string, maximum: number): Promise<Uint8Array>;
  /** Runs a libsolv test case file; the output and exit code (0, 1, 77 skipped) are those of testsolv. */
  runTestcase(file: string): { output: string; errors: string; exitCode: number };
}

export interface Sack {
  /**
   * Adds a repository from a .solv file. Returns its number of packages, or null where the file is missing, damaged
   * or not marked with `key`. Lower priority and cost numbers are better, as in a .repo file.
   */
  loadSolv(repo: string, file: string, key: string, priority: number, cost: number): number | null;
  /** Adds packages (`packPackages`) to a repository; `installed` makes it the installed system. Returns how many. */
  addPackages(repo: string, packed: Uint8Array, installed: boolean): number;
  /** Hides the packages of `repo` that match one of the patterns (name or NEVRA globs), or with `keepMatching` all others. */
  exclude(repo: string, patterns: readonly string[], keepMatching: boolean): void;
  /** The packages that `spec` selects; with `everything` also excluded ones and those of other architectures. */
  query(spec: string, everything: boolean): SackPackage[];
  /** How many packages a repository has. */
  count(repo: string): number;
  /** As `query`, with what people are told of a package. Packages handed over by `addPackages` have no texts. */
  details(spec: string): PackageDetails[];
  /**
   * The packages of repositories in which each word occurs, in any case: in name or summary, and with `everywhere` in
   * description or address too.
   */
  search(words: readonly string[], everywhere: boolean): PackageDetails[];
}

export interface Goal {
  /** Asks for one package per name that `spec` matches. Null where nothing matches; else a handle for `jobs`. */
  install(spec: string, weak: boolean): number | null;
  /** Asks for the package at this location of this repository. */
  installPackage(repo: string, location: string): number | null;
  /** Asks that a dependency, a rich one maybe, holds. */
  installDependency(dependency: string, weak: boolean): number | null;
  /** Asks that the installed packages that `spec` matches go. */
  erase(spec: string): number | null;
  /** Every installed package that no `erase` named stays exactly as it is. Call it last. */
  lockInstalled(): void;
  run(weakDependencies: boolean): GoalResult;
}

export interface SackPackage {
  readonly name: string;
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
  readonly repo: string;
  readonly installed: boolean;
}

export interface PackageDetails extends SackPackage {
  /** These texts are '' where the package has none. */
  readonly summary: string;
  readonly description: string;
  readonly license: string;
  readonly url: string;
  readonly sourceRpm: string;
  /** Bytes. */
  readonly packageSize: number;
  readonly installedSize: number;
  /** Seconds since the epoch. */
  readonly buildTime: number;
}

export interface GoalStep extends SackPackage {
  /** Relative to the repository, or to `locationBase` where the metadata names one. */
  readonly location: string;
  readonly locationBase?: string;
  readonly checksumType: string;
  readonly checksum: string;
  /** Bytes. */
  readonly packageSize: number;
  readonly installedSize: number;
  /** Seconds since the epoch. */
  readonly buildTime: number;
  readonly reason: 'job' | 'weak' | 'dependency';
}

export interface GoalRule {
  readonly type:
    | 'not-installable'
    | 'nothing-provides'
    | 'requires'
    | 'self-conflict'
    | 'conflicts'
    | 'same-name'
    | 'obsoletes'
    | 'inferior-architecture'
    | 'job'
    | 'job-nothing-provides'
    | 'keep-installed'
    | 'other';
  readonly source: SackPackage | null;
  readonly target: SackPackage | null;
  readonly dependency: string | null;
  /** Of a job's rule: the request's handle, or the installed package that is locked. */
  readonly handle: number | null;
  readonly locked: SackPackage | null;
  /** libsolv's own sentence. */
  readonly text: string;
}

export type GoalResult =
  | {
      readonly kind: 'solution';
      /** In the order rpm would install them. */
      readonly install: readonly GoalStep[];
      readonly remove: readonly SackPackage[];
      /** By handle: positions in `install` of what the job brought, and installed packages that satisfy it. */
      readonly jobs: readonly {
        readonly brought: readonly number[];
        readonly present: readonly SackPackage[];
      }[];
    }
  | { readonly kind: 'problems'; readonly problems: readonly (readonly GoalRule[])[] };

/** The solver of this machine, from the addon `solver.node`. */
export function loadSolver(): SolverAddon {
  return loadAddon('solver.node') as SolverAddon;
}
