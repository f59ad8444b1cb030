/** `ostree remote gpg-import` and `gpg-list-keys`. */
import fs from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { gpgKeyListText } from '#cli/gpg-key-list.ts';
import { remotesDirectory } from '#cli/ostree-repo-remotes-directory.ts';
import { collect, repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { importGpgKeys, listGpgKeys } from '#ostree/repo/gpg.ts';
import { findRemote } from '#ostree/repo/remote.ts';
import { writeConfig, type Repo } from '#ostree/repo/repo.ts';
import { globalKeyrings, remoteKeyring } from '#ostree/repo/trusted-keys.ts';

export function addRemoteKeyVerbs(remote: Command, context: CliContext): void {
  repoVerb(remote, 'gpg-import <name> [keyids...]', 'trust keys for a remote')
    .option('-k, --keyring <file>', 'import from this file', collect)
    .option('--stdin', 'import from standard input')
    .action(
      (name: string, ids: string[], options: { keyring?: string[]; stdin?: boolean }, command: Command) =>
        withRepo(context, command, (repo) => {
          findRemote(repo, name, remotesDirectory(context, command));
          const files = [...(options.keyring ?? []), ...(options.stdin === true ? ['/dev/stdin'] : [])];
          importKeys(context, repo, {
            remote: name,
            files: files.length > 0 ? files : defaultKeyrings(),
            ids,
          });
        }),
    );
  repoVerb(remote, 'gpg-list-keys [name]', 'show the keys that are trusted for a remote').action(
    (name: string | undefined, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        if (name !== undefined) findRemote(repo, name, remotesDirectory(context, command));
        context.out(gpgKeyListText(listGpgKeys(keyringsOf(context, repo, name)), repo.sys.now()));
      }),
  );
}

/**
 * Adds keys to a remote's keyring (new file, rename: a crash leaves the old one or the new one).
 * @throws UserError NO_KEY, GPG
 */
export function importKeys(
  context: CliContext,
  repo: Repo,
  keys: { readonly remote: string; readonly files: readonly string[]; readonly ids: readonly string[] },
): void {
  const name = remoteKeyring(keys.remote);
  const sources = keys.files.map((file) => readKeys(file));
  const { keyring, imported } = importGpgKeys(readIfThere(path.join(repo.path, name)), sources, keys.ids);
  writeConfig(repo.sys, repo.fd, keyring, name);
  context.out(`Imported ${imported} GPG key${imported === 1 ? '' : 's'} to remote "${keys.remote}"\n`);
}

function keyringsOf(context: CliContext, repo: Repo, remote: string | undefined): Uint8Array[] {
  if (remote === undefined) return globalKeyrings({ globalDirectory: context.env['OSTREE_GPG_HOME'] });
  const own = readIfThere(path.join(repo.path, remoteKeyring(remote)));
  return own === null ? [] : [own];
}

/** Without a file the keys of the caller's own keyring are meant. */
function defaultKeyrings(): string[] {
  throw new UserError('BAD_OPTION', 'the keys to import are not named', {
    hint: '--keyring FILE or --stdin says where they are',
  });
}

function readKeys(file: string): Uint8Array {
  const found = readIfThere(file);
  if (found === null) throw new UserError('NO_KEY', `${file}: No such file or directory`);
  return found;
}

function readIfThere(file: string): Uint8Array | null {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
