/** A dependency as an rpm header has it. */
export interface Dependency {
  /** A name, a path, or a rich dependency in parentheses. */
  readonly name: string;
  /** rpm's sense bits: 2 less, 4 greater, 8 equal; those that mark a prerequisite are used for the order. */
  readonly flags: number;
  /** `[epoch:]version[-release]`, empty where there is no relation. */
  readonly evr: string;
}

/** What tells one package from all others. */
export interface PackageId {
  readonly name: string;
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
}

/** A package as the solver sees it, made from an rpm header: one of the base's database, or a local file. */
export interface InstalledPackage extends PackageId {
  readonly provides: readonly Dependency[];
  readonly requires: readonly Dependency[];
  readonly conflicts: readonly Dependency[];
  readonly obsoletes: readonly Dependency[];
  readonly recommends: readonly Dependency[];
  readonly suggests: readonly Dependency[];
  readonly supplements: readonly Dependency[];
  readonly enhances: readonly Dependency[];
  /** Absolute paths, for dependencies on files. */
  readonly files: readonly string[];
}

/** A package file given on the command line; its content has been read and verified by the caller. */
export interface LocalPackage extends InstalledPackage {
  /** Absolute path of the file. */
  readonly path: string;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
  /** Bytes: of the file, and of the installed files. */
  readonly packageSize: number;
  readonly installedSize: number;
  /** Seconds since the epoch. */
  readonly buildTime: number;
  /** Of an earlier request, in the store; `path` only stands for it. */
  readonly layered?: true;
}
