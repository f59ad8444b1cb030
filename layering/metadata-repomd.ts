import { digest } from '#native/hash.ts';
import { codeOf, duringAsync, messageOf, UserError } from '#ostree/format/errors.ts';
import { shownUrl } from '#layering/http-get.ts';
import type { CacheDirectory } from '#layering/metadata-cache.ts';
import { type Mirrors, parseMetalink, parseMirrorlist, withSlash } from '#layering/mirrors.ts';
import { type Keyring, verifyDetached } from '#layering/openpgp.ts';
import type { RepositoryConfig } from '#layering/repository-config.ts';
import { fetchBytes, type Transfer } from '#layering/transfer.ts';

/** A repomd.xml and where it came from. */
export interface RepomdState {
  readonly bytes: Uint8Array;
  /** The repository's addresses, the one that answered first; each ends in a slash. */
  readonly baseUrls: readonly string[];
}

const MOST_REPOMD = 16 << 20;
const MOST_LIST = 4 << 20;
const MOST_SIGNATURE = 1 << 20;
const REPOMD = 'repodata/repomd.xml';

/**
 * Fetches repomd.xml from the first of the repository's addresses that has it.
 * @throws UserError that names every address tried and why it failed
 */
export async function fetchRepomd(config: RepositoryConfig, transfer: Transfer): Promise<RepomdState> {
  const failures: string[] = [];
  const { baseUrls, repomdSha256 } = await mirrorsOf(config, transfer).catch((error: unknown) => {
    if (transfer.signal?.aborted === true || codeOf(error) !== 'DOWNLOAD_FAILED') throw error;
    throw unavailable(config, [messageOf(error)]);
  });
  for (const baseUrl of baseUrls) {
    try {
      const bytes = await fetchBytes(`${baseUrl}${REPOMD}`, transfer, MOST_REPOMD);
      if (repomdSha256 === null || repomdSha256.includes(sha256(bytes)))
        return { bytes, baseUrls: [baseUrl, ...baseUrls.filter((other) => other !== baseUrl)] };
      failures.push(`${shownUrl(baseUrl)}${REPOMD}: not the file that the metalink describes`);
    } catch (error) {
      if (transfer.signal?.aborted === true) throw error;
      failures.push(messageOf(error));
    }
  }
  throw unavailable(config, failures);
}

function unavailable(config: RepositoryConfig, failures: readonly string[]): UserError {
  return new UserError('REPOSITORY_UNAVAILABLE', `its metadata cannot be had: ${failures.join('; ')}`, {
    hint: `check baseurl, metalink or mirrorlist in ${config.origin}, or leave it out with --disablerepo ${config.id}`,
  });
}

/**
 * With `repo_gpgcheck`: checks the detached signature repomd.xml.asc before a byte of repomd.xml is believed. A state
 * that was verified with these same keys before is not verified again.
 * @throws UserError UNSIGNED, BAD_SIGNATURE, UNKNOWN_KEY, WEAK_SIGNATURE
 */
export async function verifyRepomd(input: {
  readonly config: RepositoryConfig;
  readonly state: RepomdState & { readonly fresh: boolean };
  readonly cache: CacheDirectory;
  readonly keyring: () => Promise<Keyring>;
  readonly transfer: Transfer;
}): Promise<void> {
  const { config, state, cache, keyring, transfer } = input;
  if (!config.repoGpgCheck) return;
  const keys = await keyring();
  const mark = sha256(
    JSON.stringify([
      sha256(state.bytes),
      config.gpgKeys,
      keys.keys.map(({ fingerprint }) => fingerprint).sort(),
    ]),
  );
  if (cache.isVerified(mark)) return;
  const url = `${state.baseUrls[0] ?? ''}${REPOMD}.asc`;
  const signature = await fetchSignature(url, transfer);
  await duringAsync(`${shownUrl(url)}: repomd.xml is refused`, () =>
    verifyDetached(state.bytes, signature, keys),
  );
  cache.markVerified(mark);
}

async function fetchSignature(url: string, transfer: Transfer): Promise<Uint8Array> {
  try {
    return await fetchBytes(url, transfer, MOST_SIGNATURE);
  } catch (cause) {
    if (codeOf(cause) !== 'DOWNLOAD_FAILED' || transfer.signal?.aborted === true) throw cause;
    throw new UserError(
      'UNSIGNED',
      `repo_gpgcheck is on, but its metadata is not signed: ${messageOf(cause)}`,
      {
        hint: 'ask its owner to sign repomd.xml, or set repo_gpgcheck=0 for it',
        cause,
      },
    );
  }
}

async function mirrorsOf(config: RepositoryConfig, transfer: Transfer): Promise<Mirrors> {
  if (config.baseUrls.length > 0) return { baseUrls: config.baseUrls.map(withSlash), repomdSha256: null };
  const url = config.metalink ?? config.mirrorlist ?? '';
  const text = Buffer.from(await fetchBytes(url, transfer, MOST_LIST)).toString('utf8');
  const isMetalink = config.metalink !== null || text.trimStart().startsWith('<');
  return isMetalink ? parseMetalink(text, shownUrl(url)) : parseMirrorlist(text, shownUrl(url));
}

function sha256(content: Uint8Array | string): string {
  return digest('sha256', content);
}
