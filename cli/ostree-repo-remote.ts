/** `ostree remote`: the repositories to pull from. */
import path from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addRemoteCookieVerbs } from '#cli/ostree-repo-remote-cookies.ts';
import { addRemoteKeyVerbs, importKeys } from '#cli/ostree-repo-remote-keys.ts';
import { addRemoteRefVerbs } from '#cli/ostree-repo-remote-refs.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import { collect, repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { verbGroup } from '#cli/verb-group.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  EMPTY_KEYFILE,
  formatKeyFile,
  keyFileBoolean,
  withKey,
  withoutGroup,
  type KeyFile,
} from '#ostree/format/keyfile.ts';
import { findRemote, listRemotes, remoteGroup } from '#ostree/repo/remote.ts';
import { writeConfig, type Repo } from '#ostree/repo/repo.ts';
import { remoteKeyring } from '#ostree/repo/trusted-keys.ts';

interface AddFlags {
  readonly set?: readonly string[];
  readonly gpgVerify: boolean;
  /** false where it was turned off. */
  readonly signVerify?: readonly string[] | false;
  readonly ifNotExists?: boolean;
  readonly force?: boolean;
  readonly gpgImport?: string;
  readonly contenturl?: string;
  readonly collectionId?: string;
  readonly customBackend?: string;
}

interface NewRemote {
  readonly name: string;
  readonly url: string | undefined;
  readonly branches: readonly string[];
  readonly flags: AddFlags;
}

export function addRemoteVerbs(program: Command, context: CliContext): void {
  const remote = verbGroup(program.command('remote').description('the repositories to pull from'), context);
  addListVerbs(remote, context);
  repoVerb(remote, 'add <name> [url] [branches...]', 'add a remote')
    .option('--set <key=value>', 'set an option of the remote', collect)
    .option('--no-gpg-verify', 'do not check signatures of GnuPG')
    .option(
      '--sign-verify <kind=inline:key>',
      'check Ed25519 signatures with this key (or file:PATH)',
      collect,
    )
    .option('--no-sign-verify', 'do not check any signatures')
    .option('--if-not-exists', 'do nothing where it exists')
    .option('--force', 'replace an existing one')
    .option('--gpg-import <file>', 'import keys from a file')
    .option('--contenturl <url>', 'where the content comes from')
    .option('--collection-id <id>', 'the collection that the remote belongs to')
    .option('--custom-backend <name>', 'a program other than this pulls from it')
    .action((name: string, url: string | undefined, branches: string[], flags: AddFlags, command: Command) =>
      withRepo(context, command, (repo) => addOne(context, repo, { name, url, branches, flags }, command)),
    );
  repoVerb(remote, 'delete <name>', 'remove a remote')
    .option('--if-exists', 'do nothing where there is none')
    .action((name: string, flags: { ifExists?: boolean }, command: Command) =>
      withRepo(context, command, (repo) => {
        const directory = remotesDirectory(context, command);
        const exists = listRemotes(repo, directory).some((one) => one.name === name);
        if (!exists && flags.ifExists === true) return;
        deleteOne(repo, name, directory);
      }),
    );
  addRemoteKeyVerbs(remote, context);
  addRemoteCookieVerbs(remote, context);
  addRemoteRefVerbs(remote, context);
}

function addListVerbs(remote: Command, context: CliContext): void {
  repoVerb(remote, 'list', 'name the remotes')
    .option('-u, --show-urls', 'with their URLs')
    .action((options: { showUrls?: boolean }, command: Command) =>
      withRepo(context, command, (repo) => {
        const remotes = withParents(repo, remotesDirectory(context, command));
        const width = Math.max(0, ...remotes.map(({ name }) => name.length));
        for (const { name, url } of remotes)
          context.out(options.showUrls === true ? `${name.padEnd(width)}  ${url ?? ''}\n` : `${name}\n`);
      }),
    );
  repoVerb(remote, 'show-url <name>', 'print the URL of a remote').action(
    (name: string, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        const { url } = findRemote(repo, name, remotesDirectory(context, command));
        if (url === null) throw new UserError('NO_SETTING', `No "url" option in remote "${name}"`);
        context.out(`${url}\n`);
      }),
  );
}

/** The remotes of the repository and of its parents. */
function withParents(
  repo: Repo,
  directory: string | null,
): { readonly name: string; readonly url: string | null }[] {
  const own = listRemotes(repo, directory);
  if (repo.parent === null) return own;
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...withParents(repo.parent, null).filter(({ name }) => !names.has(name))];
}

function addOne(context: CliContext, repo: Repo, remote: NewRemote, command: Command): void {
  const { name, flags } = remote;
  if (flags.ifNotExists === true && flags.force === true)
    throw new UserError('BAD_OPTION', 'Can only specify one of --if-not-exists and --force');
  const directory = remotesDirectory(context, command);
  const existing = listRemotes(repo, directory).find((one) => one.name === name);
  if (existing !== undefined && flags.ifNotExists !== true && flags.force !== true)
    throw new UserError(
      'REMOTE_EXISTS',
      `Remote configuration for "${name}" already exists: ${existing.path ?? 'in the repository'}`,
    );
  if (existing === undefined || flags.force === true) {
    if (existing !== undefined) deleteOne(repo, name, directory);
    const config = existing === undefined ? repo.config : withoutGroup(repo.config, remoteGroup(name));
    store(repo, { ...remote, config, directory });
  }
  if (flags.gpgImport !== undefined)
    importKeys(context, repo, { remote: name, files: [flags.gpgImport], ids: [] });
}

/** A system's repository keeps its remotes in /etc, unless `core.add-remotes-config-dir` says no. */
function store(
  repo: Repo,
  remote: NewRemote & { readonly config: KeyFile; readonly directory: string | null },
): void {
  const { directory } = remote;
  const wantsDirectory = keyFileBoolean(repo.config, 'core', 'add-remotes-config-dir') ?? true;
  if (directory === null || !wantsDirectory)
    return writeConfig(repo.sys, repo.fd, formatKeyFile(withRemote(remote.config, remote)));
  const text = formatKeyFile(withRemote(EMPTY_KEYFILE, remote));
  makeDirectories(repo, directory);
  const fd = repo.sys.open(AT_FDCWD, directory, ['read', 'directory']);
  try {
    writeConfig(repo.sys, fd, text, `${remote.name}.conf`);
  } finally {
    repo.sys.close(fd);
  }
}

function makeDirectories({ sys }: Repo, directory: string): void {
  if (sys.stat(AT_FDCWD, directory) !== null) return;
  makeDirectories({ sys } as Repo, path.dirname(directory));
  sys.mkdir(AT_FDCWD, directory, 0o755);
}

/** The pure part: a configuration with the remote. @throws UserError BAD_OPTION */
export function withRemote(config: KeyFile, { name, url, branches, flags }: NewRemote): KeyFile {
  const group = remoteGroup(name);
  if (url === undefined && flags.customBackend === undefined)
    throw new UserError('BAD_OPTION', 'NAME and URL must be specified');
  const settings: (readonly [key: string, value: string | boolean | readonly string[]])[] = [
    ...(url === undefined ? [] : [urlSetting(url)]),
    ...(branches.length === 0 ? [] : [['branches', branches] as const]),
    ...(flags.contenturl === undefined ? [] : [['contenturl', flags.contenturl] as const]),
    ...(flags.customBackend === undefined ? [] : [['custom-backend', flags.customBackend] as const]),
    ...(flags.set ?? []).map((pair) => setting(pair)),
    ...(flags.signVerify === false
      ? [['sign-verify', false] as const]
      : signSettings(flags.signVerify ?? [])),
    ...(flags.signVerify !== false && flags.gpgVerify ? [] : [['gpg-verify', false] as const]),
    ...(flags.collectionId === undefined ? [] : [['collection-id', flags.collectionId] as const]),
  ];
  return settings.reduce((file, [key, value]) => withKey(file, group, key, value), config);
}

/** `ed25519=inline:KEY` or `ed25519=file:PATH`, each; the last of a kind counts. */
function signSettings(given: readonly string[]): (readonly [string, string | readonly string[]])[] {
  const settings = given.map((text): readonly [string, string] => {
    const [, place, value] = /^ed25519=(inline|file):(.+)$/s.exec(text) ?? [];
    if (place !== undefined && value !== undefined)
      return [`verification-ed25519-${place === 'inline' ? 'key' : 'file'}`, value];
    throw new UserError(
      'BAD_OPTION',
      `--sign-verify=${text}: expected ed25519=inline:KEY or ed25519=file:PATH`,
    );
  });
  return settings.length === 0 ? [] : [...settings, ['sign-verify', ['ed25519']]];
}

function urlSetting(url: string): readonly [string, string] {
  return url.startsWith('metalink=') ? ['metalink', url.slice('metalink='.length)] : ['url', url];
}

function setting(pair: string): readonly [string, string] {
  const equals = pair.indexOf('=');
  if (equals < 1) throw new UserError('BAD_OPTION', `Missing '=' in KEY=VALUE for --set: '${pair}'`);
  return [pair.slice(0, equals), pair.slice(equals + 1)];
}

function deleteOne(repo: Repo, name: string, directory: string | null): void {
  const found = listRemotes(repo, directory).find((one) => one.name === name);
  if (found === undefined)
    throw new UserError('NO_REMOTE', `Remote "${name}" not found`, {
      hint: `'ostree remote list' names them`,
    });
  if (found.path !== null) repo.sys.unlink(AT_FDCWD, found.path);
  else writeConfig(repo.sys, repo.fd, formatKeyFile(withoutGroup(repo.config, remoteGroup(name))));
  for (const file of [remoteKeyring(name)])
    if (repo.sys.lstat(repo.fd, file) !== null) repo.sys.unlink(repo.fd, file);
}
