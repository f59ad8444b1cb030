import fs from 'node:fs';
import path from 'node:path';
import { digest } from '#native/hash.ts';
import { decompress } from '#native/decompress.ts';
import { codeOf, duringAsync, messageOf, UserError } from '#ostree/format/errors.ts';
import { type Comps, type Environment, type Group, parseComps } from '#layering/comps.ts';
import type { LoadedRepository, SolvFile } from '#layering/loaded-repository.ts';
import type { CacheDirectory } from '#layering/metadata-cache.ts';
import type { RepomdState } from '#layering/metadata-repomd.ts';
import type { MetadataOptions } from '#layering/metadata.ts';
import { hiddenModularPackages } from '#layering/modules.ts';
import type { Keyring } from '#layering/openpgp.ts';
import { groupRecords, type Repomd, type RepomdRecord } from '#layering/repomd.ts';
import type { RepositoryConfig } from '#layering/repository-config.ts';
import { parseUpdateinfo, type Advisory } from '#layering/updateinfo.ts';
import { fetchFile, hasChecksum, type Transfer } from '#layering/transfer.ts';

export interface RepositoryParts {
  readonly config: RepositoryConfig;
  readonly state: RepomdState;
  readonly repomd: Repomd;
  readonly cache: CacheDirectory;
  readonly transfer: Transfer;
  readonly keyring: () => Promise<Keyring>;
  readonly options: MetadataOptions;
}

/** Changes whenever the way .solv files are written does. */
const SOLV_FORMAT = 'yum-ostree solv 1';
const COMPS_FORMAT = 'yum-ostree comps 1';
/** Bytes, unpacked; real ones have a tenth of that. */
const MOST_GROUPS = 64 << 20;
const MOST_MODULES = 256 << 20;
const MOST_ADVISORIES = 256 << 20;
/** As the addon limits what it unpacks itself: this many times the file's size, and bytes that are always allowed. */
const MOST_RATIO = 100;
const LEAST_LIMIT = 64 << 20;
/** Bytes of one file, as it is fetched. */
const MOST_METADATA = 2 ** 32;

/** The repository that a verified repomd.xml describes; its files are fetched and converted when they are needed. */
export function repositoryOver(parts: RepositoryParts): LoadedRepository {
  const { config, state, repomd, keyring } = parts;
  const modules = repomd.get('modules');
  return {
    config,
    repomdChecksum: `sha256:${digest('sha256', state.bytes)}`,
    baseUrls: state.baseUrls,
    solv: (wanted) => solvFile(parts, wanted),
    comps: () => readComps(parts),
    modularPackages: async () =>
      modules === undefined
        ? []
        : hiddenModularPackages(await decompressed(parts, await fetched(parts, modules), MOST_MODULES)),
    advisories: () => readAdvisories(parts),
    prefetch: async () => {
      await fetchedGroups(parts);
      if (modules !== undefined) await fetched(parts, modules);
    },
    keyring,
  };
}

async function solvFile(
  parts: RepositoryParts,
  { filelists, renew = false }: { readonly filelists: boolean; readonly renew?: boolean },
): Promise<SolvFile> {
  const { repomd, cache, options } = parts;
  const primary = recordOf(repomd, 'primary');
  const files = filelists ? recordOf(repomd, 'filelists') : null;
  const key = [SOLV_FORMAT, options.arch, primary.checksum.hex, files?.checksum.hex ?? ''].join(' ');
  const target = cache.file(`${primary.checksum.hex}-${files === null ? 'primary' : 'filelists'}.solv`);
  if (renew || !fs.existsSync(target)) {
    const input = await fetched(parts, primary);
    const lists = files === null ? '' : await fetched(parts, files);
    // In a new file and synced by the addon; a crash leaves the temporary file or the whole one.
    const temporary = `${target}.${process.pid}.tmp`;
    await duringAsync('reading its metadata', () =>
      options.addon.convertMetadata(options.arch, input, lists, temporary, key).catch((cause: unknown) => {
        fs.rmSync(temporary, { force: true });
        // What cannot be written is not the metadata's fault.
        if (messageOf(cause).startsWith(temporary)) throw cause;
        throw new UserError('BAD_METADATA', messageOf(cause), { cause });
      }),
    );
    fs.renameSync(temporary, target);
  }
  return { path: target, key };
}

async function readAdvisories(parts: RepositoryParts): Promise<readonly Advisory[]> {
  const record = parts.repomd.get('updateinfo');
  if (record === undefined) return [];
  const file = await fetched(parts, record);
  const source = `repository ${parts.config.id}: ${path.basename(file)}`;
  return parseUpdateinfo(await decompressed(parts, file, MOST_ADVISORIES), source);
}

async function readComps(parts: RepositoryParts): Promise<Comps | null> {
  const file = await fetchedGroups(parts);
  if (file === null) return null;
  const parsed = `${file}.json`;
  const known = readParsedComps(parsed);
  if (known !== null) return known;
  const comps = parseComps(await decompressed(parts, file, MOST_GROUPS), path.basename(file));
  const text = JSON.stringify({
    format: COMPS_FORMAT,
    groups: [...comps.groups],
    environments: [...comps.environments],
  });
  // Not synced: what a crash leaves of it is no JSON, and is made anew.
  fs.writeFileSync(`${parsed}.${process.pid}.tmp`, text);
  fs.renameSync(`${parsed}.${process.pid}.tmp`, parsed);
  return comps;
}

/** What an earlier run made of the same file (its name holds the checksum): ten times as fast as the XML. */
function readParsedComps(file: string): Comps | null {
  try {
    const { format, groups, environments } = JSON.parse(fs.readFileSync(file, 'utf8')) as {
      format: string;
      groups: [string, Group][];
      environments: [string, Environment][];
    };
    if (format !== COMPS_FORMAT) return null;
    return { groups: new Map(groups), environments: new Map(environments) };
  } catch {
    return null;
  }
}

/** The groups file in the first form that the server has: repomd.xml may list forms that were never uploaded. */
async function fetchedGroups(parts: RepositoryParts): Promise<string | null> {
  let failure: UserError | null = null;
  for (const record of groupRecords(parts.repomd)) {
    try {
      return await fetched(parts, record);
    } catch (error) {
      if (!(error instanceof UserError) || !['DOWNLOAD_FAILED', 'NOT_CACHED'].includes(error.code))
        throw error;
      failure ??= error;
    }
  }
  if (failure !== null) throw failure;
  return null;
}

/** @throws UserError BAD_METADATA where it cannot be unpacked, or has more bytes than `most` */
async function decompressed({ options }: RepositoryParts, file: string, most: number): Promise<string> {
  const bytes = await options.addon.readCompressed(file, most).catch((cause: unknown) => {
    throw new UserError('BAD_METADATA', messageOf(cause), { cause });
  });
  return Buffer.from(bytes).toString('utf8');
}

/** The path of a metadata file in the cache, its checksum checked; bzip2 is undone, which the addon does not read. */
async function fetched(parts: RepositoryParts, record: RepomdRecord): Promise<string> {
  const { state, cache, transfer, options } = parts;
  if (record.size !== null && record.size > MOST_METADATA)
    throw new UserError('BAD_METADATA', `its ${record.type} metadata is said to have ${record.size} bytes`);
  const name = path.basename(record.location).replace(/[^\w.-]/g, '_');
  const target = cache.file(`${record.checksum.hex}-${record.type}-${name.slice(-40)}`);
  if (options.cacheOnly && !(await hasChecksum(target, record.checksum)))
    throw new UserError(
      'NOT_CACHED',
      `its ${record.type} metadata is not in the cache, and only the cache may be used`,
      {
        hint: 'run once without -C',
      },
    );
  const urls = state.baseUrls.map((baseUrl) => `${baseUrl}${record.location}`);
  await fetchFile(
    { urls, target, checksum: record.checksum, size: record.size, most: MOST_METADATA },
    transfer,
  );
  return target.endsWith('.bz2') ? withoutBzip2(target) : target;
}

/** A crash leaves the file with `.new` behind, which the next run writes over. */
function withoutBzip2(file: string): string {
  const target = file.slice(0, -'.bz2'.length);
  const input = fs.openSync(file, 'r');
  const output = fs.openSync(`${target}.new`, 'w');
  try {
    const most = Math.max(LEAST_LIMIT, fs.fstatSync(input).size * MOST_RATIO);
    let length = 0;
    for (const piece of decompress('bzip2', () => readPiece(input))) {
      length += piece.length;
      if (length > most) throw new Error(`it unpacks to more than ${most} bytes, a hundred times its size`);
      fs.writeSync(output, piece);
    }
    fs.renameSync(`${target}.new`, target);
  } catch (cause) {
    fs.rmSync(`${target}.new`, { force: true });
    if (codeOf(cause) === 'ENOSPC') throw cause;
    throw new UserError(
      'BAD_METADATA',
      `${path.basename(file)}: not readable as bzip2: ${messageOf(cause)}`,
      { cause },
    );
  } finally {
    fs.closeSync(input);
    fs.closeSync(output);
  }
  return target;
}

function readPiece(fd: number): Uint8Array {
  const piece = new Uint8Array(1 << 18);
  return piece.subarray(0, fs.readSync(fd, piece));
}

function recordOf(repomd: Repomd, type: string): RepomdRecord {
  const record = repomd.get(type);
  if (record === undefined)
    throw new UserError('BAD_METADATA', `its metadata has no ${type}, which this request needs`, {
      hint: 'ask for the package by its name instead of a path',
    });
  return record;
}
