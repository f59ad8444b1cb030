import fs from 'node:fs';
import path from 'node:path';
import { digest } from '#native/hash.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { RepomdState } from '#layering/metadata-repomd.ts';
import type { RepositoryConfig } from '#layering/repository-config.ts';

/** The cached repomd.xml. */
export interface CachedRepomd extends RepomdState {
  /** Seconds since it was fetched. */
  ageAt(now: number): number;
}

/**
 * One repository's folder in the cache: `repomd.xml` (the state in force), `mirrors`, files named by their checksum,
 * and .solv files. What is in it is checked against a checksum at every use; it may be deleted at any time.
 */
export interface CacheDirectory {
  /** The path of a file in it. */
  file(name: string): string;
  /** Null where there is none or it is damaged. */
  readRepomd(): CachedRepomd | null;
  /** Puts a new state in force: one rename, after which the older state is gone. */
  placeRepomd(state: RepomdState): void;
  /** Remembers, or tells, that this repomd.xml was verified with these keys. */
  isVerified(mark: string): boolean;
  markVerified(mark: string): void;
  /** The signature of the repomd.xml with this SHA-256; null where it is not here. */
  readSignature(repomd: string): Uint8Array | null;
  keepSignature(repomd: string, signature: Uint8Array): void;
  /** Deletes files of earlier states: all that are named by a checksum that is not among these. */
  removeOthers(checksums: readonly string[]): void;
}

/** Opens (and makes) the folder of a repository. Another set of addresses is another folder. */
export function openCache(config: RepositoryConfig, cacheDirectory: string): CacheDirectory {
  const identity = JSON.stringify([config.baseUrls, config.metalink, config.mirrorlist]);
  const key = digest('sha256', identity).slice(0, 16);
  const directory = path.join(cacheDirectory, `${config.id}-${key}`);
  const file = (name: string): string => path.join(directory, name);
  makeDirectory(directory);
  return {
    file,
    readRepomd: () => readRepomd(file),
    placeRepomd: (state) => {
      replaceFile(file('mirrors'), JSON.stringify(state.baseUrls));
      replaceFile(file('repomd.xml'), state.bytes);
    },
    isVerified: (mark) =>
      fs.existsSync(file('verified')) && fs.readFileSync(file('verified'), 'utf8') === mark,
    markVerified: (mark) => replaceFile(file('verified'), mark),
    readSignature: (repomd) => readIfThere(file(signatureName(repomd))),
    keepSignature: (repomd, signature) => replaceFile(file(signatureName(repomd)), signature),
    removeOthers: (checksums) => removeOthers(directory, checksums),
  };
}

function signatureName(repomd: string): string {
  return `${repomd}-repomd.xml.asc`;
}

function readIfThere(file: string): Uint8Array | null {
  return fs.existsSync(file) ? fs.readFileSync(file) : null;
}

function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new UserError(
      codeOf(cause) ?? 'BAD_CACHE',
      `the cache ${directory} cannot be made: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}

function readRepomd(file: (name: string) => string): CachedRepomd | null {
  try {
    const bytes = fs.readFileSync(file('repomd.xml'));
    const baseUrls: unknown = JSON.parse(fs.readFileSync(file('mirrors'), 'utf8'));
    if (!isListOfTexts(baseUrls) || !bytes.toString('latin1').trimEnd().endsWith('>')) return null;
    const fetched = fs.statSync(file('repomd.xml')).mtimeMs / 1000;
    return { bytes, baseUrls, ageAt: (now) => now - fetched };
  } catch {
    return null;
  }
}

function isListOfTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string');
}

/** Not synced: a crash may leave it empty or old, and both are noticed and mended by the next fetch. */
function replaceFile(file: string, content: Uint8Array | string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(temporary, content);
  fs.renameSync(temporary, file);
}

function removeOthers(directory: string, checksums: readonly string[]): void {
  for (const name of fs.readdirSync(directory)) {
    const [, checksum] = /^([0-9a-f]{64,128})[-.]/.exec(name) ?? [];
    if (checksum !== undefined && !checksums.includes(checksum))
      fs.rmSync(path.join(directory, name), { force: true });
  }
}
