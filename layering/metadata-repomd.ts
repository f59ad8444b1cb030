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
 * Fetches repomd.xml from the first of the repository's addresses that has one that is as it should be.
 * @param verify checks who signed it; an address whose signature is missing or does not fit is passed over
 * @throws UserError that names every address tried and why it failed
 */
export async function fetchRepomd(
  config: RepositoryConfig,
  transfer: Transfer,
  verify: (state: RepomdState) => Promise<void>,
): Promise<RepomdState> {
  const failures: string[] = [];
  let unsigned: UserError | null = null;
  const { baseUrls, repomd } = await mirrorsOf(config, transfer).catch((error: unknown) => {
    if (transfer.signal?.aborted === true || codeOf(error) !== 'DOWNLOAD_FAILED') throw error;
    throw unavailable(config, [messageOf(error)]);
  });
  for (const baseUrl of baseUrls) {
    const others = baseUrls.filter((other) => other !== baseUrl);
    try {
      return await acceptable(`${baseUrl}${REPOMD}`, { repomd, transfer }, async (bytes) => {
        const state = { bytes, baseUrls: [baseUrl, ...others] };
        await verify(state);
        return state;
      });
    } catch (error) {
      if (transfer.signal?.aborted === true || !(error instanceof UserError)) throw error;
      if (!PASSED_OVER.includes(error.code)) throw error;
      if (error.code !== 'DOWNLOAD_FAILED') unsigned ??= error;
      failures.push(messageOf(error));
    }
  }
  if (unsigned !== null) throw unsigned;
  throw unavailable(config, failures);
}

const PASSED_OVER = ['DOWNLOAD_FAILED', 'UNSIGNED', 'BAD_SIGNATURE'];

/** A server that changes over between repomd.xml and its signature is asked once more. */
async function acceptable(
  url: string,
  { repomd, transfer }: { readonly repomd: Mirrors['repomd']; readonly transfer: Transfer },
  accept: (bytes: Uint8Array) => Promise<RepomdState>,
): Promise<RepomdState> {
  for (let round = 1; ; round++) {
    const bytes = await fetchBytes(url, transfer, MOST_REPOMD);
    if (repomd !== null && !repomd.some(({ type, hex }) => digest(type, bytes) === hex))
      throw new UserError('DOWNLOAD_FAILED', `${shownUrl(url)}: not the file that the metalink describes`);
    try {
      return await accept(bytes);
    } catch (error) {
      if (codeOf(error) !== 'BAD_SIGNATURE' || round === 2) throw error;
    }
  }
}

function unavailable(config: RepositoryConfig, failures: readonly string[]): UserError {
  return new UserError('REPOSITORY_UNAVAILABLE', `its metadata cannot be had: ${failures.join('; ')}`, {
    hint: `check baseurl, metalink or mirrorlist in ${config.origin}, or leave it out with --disablerepo ${config.id}`,
  });
}

/**
 * With `repo_gpgcheck`: checks the detached signature repomd.xml.asc before a byte of repomd.xml is believed. A state
 * that was verified with these same keys before is not verified again; with others, first by the signature that was good
 * then (a key that was accepted in the meantime is another one, and the server need not be asked).
 * @throws UserError UNSIGNED, NOT_CACHED, and as `verifyDetached`
 */
export async function verifyRepomd(input: {
  readonly config: RepositoryConfig;
  readonly state: RepomdState;
  readonly cache: CacheDirectory;
  readonly keyring: () => Promise<Keyring>;
  readonly transfer: Transfer;
  readonly cacheOnly: boolean;
}): Promise<void> {
  const { config, state, cache, keyring, transfer } = input;
  if (!config.repoGpgCheck) return;
  const keys = await keyring();
  const repomd = sha256(state.bytes);
  const fingerprints = keys.keys.map(({ fingerprint }) => fingerprint).sort();
  const mark = sha256(JSON.stringify([repomd, config.gpgKeys, fingerprints]));
  if (cache.isVerified(mark)) return;
  const url = `${state.baseUrls[0] ?? ''}${REPOMD}.asc`;
  const check = async (signature: Uint8Array): Promise<void> => {
    await duringAsync(`${shownUrl(url)}: repomd.xml is refused`, () =>
      verifyDetached(state.bytes, signature, keys),
    );
    cache.keepSignature(repomd, signature);
    cache.markVerified(mark);
  };
  const kept = cache.readSignature(repomd);
  if (input.cacheOnly && kept === null)
    throw new UserError('NOT_CACHED', 'the signature of its metadata was not checked with the present keys', {
      hint: 'run once without -C',
    });
  if (kept !== null && (input.cacheOnly || (await isGood(state.bytes, kept, keys)))) return check(kept);
  return check(await fetchSignature(url, transfer));
}

/** By the keys that are here; its server may have another signature by now. */
async function isGood(bytes: Uint8Array, signature: Uint8Array, { keys }: Keyring): Promise<boolean> {
  try {
    await verifyDetached(bytes, signature, { keys });
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
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
  if (config.baseUrls.length > 0) return { baseUrls: config.baseUrls.map(withSlash), repomd: null };
  const url = config.metalink ?? config.mirrorlist ?? '';
  const text = Buffer.from(await fetchBytes(url, transfer, MOST_LIST)).toString('utf8');
  const isMetalink = config.metalink !== null || text.trimStart().startsWith('<');
  const found = isMetalink ? parseMetalink(text, shownUrl(url)) : parseMirrorlist(text, shownUrl(url));
  return usable(found, { config, url });
}

/**
 * A metalink is there to say what the mirrors may serve: one that does not is believed only where a signature says it.
 * A list from elsewhere cannot name files of this machine.
 */
function usable(
  { baseUrls, repomd }: Mirrors,
  { config, url }: { readonly config: RepositoryConfig; readonly url: string },
): Mirrors {
  if (repomd?.length === 0 && !config.repoGpgCheck)
    throw new UserError('WEAK_CHECKSUM', `${shownUrl(url)}: it has no SHA-256 or SHA-512 of repomd.xml`, {
      hint: `use mirrorlist= or baseurl= in ${config.origin}, or repo_gpgcheck=1 where its metadata is signed`,
    });
  const reachable = url.startsWith('file:') ? baseUrls : baseUrls.filter((one) => !one.startsWith('file:'));
  if (reachable.length === 0)
    throw new UserError('BAD_METADATA', `${shownUrl(url)}: it names only files of this machine`);
  return { baseUrls: reachable, repomd: repomd?.length === 0 ? null : repomd };
}

function sha256(content: Uint8Array | string): string {
  return digest('sha256', content);
}
