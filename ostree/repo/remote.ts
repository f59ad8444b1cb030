/** Remotes: the `[remote "NAME"]` groups of the repository's configuration and of a `remotes.d` directory. */
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  EMPTY_KEYFILE,
  keyFileBoolean,
  keyFileGroups,
  keyFileString,
  parseKeyFile,
  type KeyFile,
} from '#ostree/format/keyfile.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import type { Repo } from '#ostree/repo/repo.ts';

/** What is known of a remote, from where it is configured. */
export interface Remote {
  readonly name: string;
  /** The file's contents and the group in it. */
  readonly file: KeyFile;
  /** The `remotes.d` file; null where it is the repository's configuration. */
  readonly path: string | null;
  readonly url: string | null;
  readonly contentUrl: string | null;
  readonly metalink: string | null;
  readonly branches: readonly string[];
  readonly gpgVerify: boolean;
  readonly gpgVerifySummary: boolean;
  /** Whether commits need an Ed25519 signature. */
  readonly signVerify: boolean;
  readonly signVerifySummary: boolean;
  /** Public keys, base64, a line each. */
  readonly ed25519Key: string | null;
  /** A file of such lines. */
  readonly ed25519File: string | null;
  /** Files and directories of trusted keys beside the remote's own keyring. */
  readonly gpgKeyPath: string | null;
  /** Why nothing can be pulled yet, in the operator's words. */
  readonly unconfiguredState: string | null;
  readonly customBackend: string | null;
  readonly collectionId: string | null;
  readonly proxy: string | null;
  readonly tlsPermissive: boolean;
  readonly tlsCaPath: string | null;
  readonly tlsClientCertPath: string | null;
  readonly tlsClientKeyPath: string | null;
}

/** The group's name: `remote "NAME"`. */
export function remoteGroup(name: string): string {
  return `remote "${name}"`;
}

/** The remotes, sorted by name; one of the repository's configuration wins over one of `remotes.d`. */
export function listRemotes(repo: Repo, configDirectory: string | null = null): Remote[] {
  const found = new Map<string, Remote>();
  for (const { file, path } of sources(repo, configDirectory))
    for (const name of remoteNames(file))
      if (!found.has(name)) found.set(name, parseRemote(file, name, path));
  return [...found.values()].sort((a, b) => compareBytewise(a.name, b.name));
}

/** A remote of the repository, else of its parent. @throws UserError NO_REMOTE */
export function findRemote(repo: Repo, name: string, configDirectory: string | null = null): Remote {
  const found = lookUpRemote(repo, name, configDirectory);
  if (found === undefined)
    throw new UserError('NO_REMOTE', `Remote "${name}" not found`, {
      hint: `'ostree remote list' names them`,
    });
  return found;
}

function lookUpRemote(repo: Repo, name: string, configDirectory: string | null): Remote | undefined {
  const own = listRemotes(repo, configDirectory).find((remote) => remote.name === name);
  return own ?? (repo.parent === null ? undefined : lookUpRemote(repo.parent, name, null));
}

/** A remote that is nothing but an address: nothing is verified. */
export function anonymousRemote(url: string): Remote {
  return { ...parseRemote(EMPTY_KEYFILE, url, null), url, gpgVerify: false };
}

/** The pure part: what one group says. @throws UserError BAD_KEYFILE */
export function parseRemote(file: KeyFile, name: string, path: string | null): Remote {
  const group = remoteGroup(name);
  const text = (key: string): string | null => keyFileString(file, group, key);
  const flag = (key: string, otherwise: boolean): boolean => keyFileBoolean(file, group, key) ?? otherwise;
  return {
    name,
    file,
    path,
    url: text('url'),
    contentUrl: text('contenturl'),
    metalink: text('metalink'),
    branches: separatedList(text('branches') ?? ''),
    gpgVerify: flag('gpg-verify', true),
    gpgVerifySummary: flag('gpg-verify-summary', false),
    signVerify: signEngines(name, 'sign-verify', text('sign-verify')),
    signVerifySummary: signEngines(name, 'sign-verify-summary', text('sign-verify-summary')),
    ed25519Key: text('verification-ed25519-key'),
    ed25519File: text('verification-ed25519-file'),
    gpgKeyPath: text('gpgkeypath'),
    unconfiguredState: text('unconfigured-state'),
    customBackend: text('custom-backend'),
    collectionId: text('collection-id'),
    proxy: text('proxy'),
    tlsPermissive: flag('tls-permissive', false),
    tlsCaPath: text('tls-ca-path'),
    tlsClientCertPath: text('tls-client-cert-path'),
    tlsClientKeyPath: text('tls-client-key-path'),
  };
}

/** `true`, `false`, or the names of the kinds of signature: one good signature of any of them is enough. */
function signEngines(name: string, key: string, value: string | null): boolean {
  if (value === null || ['false', '0', ''].includes(value.trimEnd())) return false;
  if (['true', '1'].includes(value.trimEnd())) return true;
  const engines = separatedList(value);
  if (engines.includes('ed25519')) return true;
  throw new UserError('BAD_KEYFILE', `[${remoteGroup(name)}] ${key}=${value}: only ed25519 is supported`, {
    hint: `${key}=ed25519, with the key in verification-ed25519-key=`,
  });
}

/** The names of the remotes that a configuration has, in its order. */
export function remoteNames(file: KeyFile): string[] {
  return keyFileGroups(file)
    .filter((group) => group.startsWith('remote "') && group.endsWith('"'))
    .map((group) => group.slice('remote "'.length, -1));
}

/** A list with commas or with semicolons between its items. @throws UserError BAD_KEYFILE where it has both */
export function separatedList(text: string): string[] {
  if (text.includes(',') && text.includes(';'))
    throw new UserError('BAD_KEYFILE', `'${text}': key value list contains more than one separator`);
  const items = text.split(text.includes(',') ? ',' : ';');
  if (items[items.length - 1] === '') items.pop();
  return items;
}

function sources(
  repo: Repo,
  directory: string | null,
): { readonly file: KeyFile; readonly path: string | null }[] {
  const own = { file: repo.config, path: null };
  if (directory === null || repo.sys.stat(AT_FDCWD, directory) === null) return [own];
  const files = repo.sys
    .readdir(AT_FDCWD, directory)
    .filter(({ name, kind }) => kind !== 'directory' && name.endsWith('.conf'))
    .map(({ name }) => `${directory}/${name}`);
  return [
    own,
    ...files.map((path) => ({ file: parseKeyFile(repo.sys.readText(AT_FDCWD, path) ?? '', path), path })),
  ];
}
