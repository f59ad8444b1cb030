import fs from 'node:fs';
import path from 'node:path';
import { duringAsync, UserError } from '#ostree/format/errors.ts';
import type { PackageId } from '#layering/installed-package.ts';
import type { LoadedRepository } from '#layering/loaded-repository.ts';
import { withSlash } from '#layering/mirrors.ts';
import { type Connections, openConnections } from '#layering/http-get.ts';
import { isSafeLocation } from '#layering/repomd.ts';
import type { SolvedPackage } from '#layering/solve.ts';
import { fetchFile, hasChecksum, localPath } from '#layering/transfer.ts';

export interface DownloadProgress {
  /** Packages finished and in all. */
  readonly packages: number;
  readonly packagesTotal: number;
  /** Bytes that have arrived, and in all by the metadata; packages already at hand count in neither. */
  readonly bytes: number;
  readonly bytesTotal: number;
}

export interface DownloadOptions {
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly signal?: AbortSignal;
  /** Only what is on this machine already (`-C`). */
  readonly cacheOnly?: boolean;
}

/** Servers are asked for this many packages at a time. */
const AT_A_TIME = 4;
const SUBDIRECTORY = 'packages';
/** Bytes of a package whose size the metadata does not say. */
const MOST_PACKAGE = 2 ** 32;

/**
 * Brings the packages of a solution onto this machine. Every file's checksum is the one that the verified metadata
 * says; a repository on this machine is used where it is, without a copy. A file appears in the cache only when it is
 * whole; an interruption leaves parts, which the next run continues.
 * @returns the paths by `packageKey`
 * @throws UserError naming the package, its repository and what went wrong
 */
export async function downloadPackages(
  packages: readonly SolvedPackage[],
  repositories: readonly LoadedRepository[],
  cacheDirectory: string,
  options: DownloadOptions = {},
): Promise<Map<string, string>> {
  const directory = path.join(cacheDirectory, SUBDIRECTORY);
  fs.mkdirSync(directory, { recursive: true });
  const plans = packages.map((one) => planOf(one, repositories, directory));
  const paths = new Map<string, string>();
  const wanted: RemotePlan[] = [];
  for (const plan of plans) {
    const found = await alreadyHere(plan);
    if (found !== null) paths.set(plan.key, found);
    else if (plan.kind === 'remote') wanted.push(plan);
    else throw damaged(plan);
  }
  if (options.cacheOnly === true && wanted.length > 0)
    throw new UserError('NOT_CACHED', `not in the cache: ${wanted.map(({ key }) => key).join(', ')}`, {
      hint: 'run once without -C',
    });
  await fetchAll(wanted, paths, options);
  return paths;
}

/** What `downloadPackages` files a package under: name-epoch:version-release.arch, no epoch where it is 0. */
export function packageKey({ name, epoch, version, release, arch }: PackageId): string {
  return `${name}-${epoch === 0 ? '' : `${epoch}:`}${version}-${release}.${arch}`;
}

interface LocalPlan {
  readonly kind: 'local';
  readonly key: string;
  readonly package: SolvedPackage;
  readonly file: string;
}

interface RemotePlan {
  readonly kind: 'remote';
  readonly key: string;
  readonly package: SolvedPackage;
  readonly urls: readonly string[];
  readonly target: string;
  readonly repository: LoadedRepository;
}

type Plan = LocalPlan | RemotePlan;

function planOf(one: SolvedPackage, repositories: readonly LoadedRepository[], directory: string): Plan {
  const key = packageKey(one.nevra);
  if (one.sourceFile !== undefined) return { kind: 'local', key, package: one, file: one.sourceFile };
  const repository = repositories.find(({ config }) => config.id === one.repo);
  if (repository === undefined)
    throw new UserError('INTERNAL', `${key} is from the unknown repository ${one.repo}`);
  if (!isSafeLocation(one.location))
    throw new UserError(
      'BAD_METADATA',
      `repository ${one.repo}: ${key} is said to be at '${one.location}', outside the repository`,
    );
  const bases = one.locationBase === undefined ? repository.baseUrls : [packageBase(key, one, repository)];
  const urls = bases.map((base) => `${base}${one.location.split('/').map(encodeURIComponent).join('/')}`);
  const file = localPath(urls[0] ?? '');
  if (file !== null) return { kind: 'local', key, package: one, file };
  // The checksum makes the name unique: a package rebuilt under the same name is another file.
  const name = `${one.checksum.hex.slice(0, 32)}-${path
    .basename(one.location)
    .replace(/[^\w.+~^-]/g, '_')
    .slice(-200)}`;
  return { kind: 'remote', key, package: one, urls, target: path.join(directory, name), repository };
}

/** The address that the metadata names for a package. A server cannot name files of this machine. */
function packageBase(key: string, one: SolvedPackage, { baseUrls }: LoadedRepository): string {
  const base = one.locationBase ?? '';
  const isLocal = baseUrls.every((url) => url.startsWith('file:'));
  if (/^https?:\/\//.test(base) || (isLocal && base.startsWith('file:'))) return withSlash(base);
  throw new UserError(
    'BAD_METADATA',
    `repository ${one.repo}: ${key} is said to be at '${base}', which is not a web address`,
  );
}

async function alreadyHere(plan: Plan): Promise<string | null> {
  const file = plan.kind === 'local' ? plan.file : plan.target;
  return (await hasChecksum(file, plan.package.checksum)) ? file : null;
}

function damaged({ key, file, package: { repo, checksum } }: LocalPlan): UserError {
  if (!fs.existsSync(file))
    return new UserError(
      'MISSING_PACKAGE',
      `repository ${repo}: ${key}: there is no file ${file}, which its metadata lists`,
      {
        hint: 'make the repository anew (createrepo_c)',
      },
    );
  return new UserError(
    'CHECKSUM_MISMATCH',
    `repository ${repo}: ${key}: ${file} does not have the ${checksum.type} that the metadata says (${checksum.hex})`,
    {
      hint: 'the file is damaged or was replaced: make the repository anew, or restore the file',
    },
  );
}

async function fetchAll(
  plans: readonly RemotePlan[],
  paths: Map<string, string>,
  options: DownloadOptions,
): Promise<void> {
  const bytesTotal = plans.reduce((sum, plan) => sum + plan.package.packageSize, 0);
  let bytes = 0;
  let packages = 0;
  const report = (): void =>
    options.onProgress?.({ packages, packagesTotal: plans.length, bytes, bytesTotal });
  const onBytes = (count: number): void => {
    bytes += count;
    report();
  };
  const connections = new Map<string, Connections>();
  const connectionsTo = ({ config }: LoadedRepository): Connections => {
    const open = connections.get(config.id) ?? openConnections(config.transfer);
    connections.set(config.id, open);
    return open;
  };
  const queue = [...plans];
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  const work = async (): Promise<void> => {
    for (let plan = queue.shift(); plan !== undefined; plan = queue.shift()) {
      const { key, urls, target, package: one, repository } = plan;
      const transfer = { connections: connectionsTo(repository), signal, onBytes };
      const size = one.packageSize || null;
      const file = { urls, target, checksum: one.checksum, size, most: MOST_PACKAGE };
      await duringAsync(`downloading ${key} from ${one.repo}`, () => fetchFile(file, transfer));
      paths.set(key, target);
      packages += 1;
      report();
    }
  };
  const workers = Array.from({ length: Math.min(AT_A_TIME, queue.length) }, work);
  await firstFailure(workers, () => stop.abort());
}

/** Waits for all; the first failure stops the others and is thrown after they have let go of their files. */
async function firstFailure(workers: readonly Promise<void>[], stop: () => void): Promise<void> {
  const failures: unknown[] = [];
  const watched = workers.map((worker) =>
    worker.catch((error: unknown) => {
      failures.push(error);
      stop();
    }),
  );
  await Promise.all(watched);
  if (failures.length > 0) throw failures[0];
}
