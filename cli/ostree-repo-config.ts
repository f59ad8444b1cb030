/** `init`, `config` and `remote`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  formatKeyFile,
  keyFileGroups,
  keyFileString,
  withKey,
  withoutGroup,
  type KeyFile,
} from '#ostree/format/keyfile.ts';
import { closeRepo, createRepo, parseRepoMode, writeConfig, type Repo } from '#ostree/repo/repo.ts';

export function addConfigVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'init', 'make an empty repository')
    .option('--mode <mode>', 'bare, bare-user, bare-user-only or archive', 'bare')
    .option('--collection-id <id>', 'the name of the repository as a set of refs')
    .action((options: { mode: string; collectionId?: string }, command: Command) => {
      const path = command.optsWithGlobals<{ repo?: string }>().repo ?? context.env['OSTREE_REPO'] ?? '.';
      const named = options.collectionId === undefined ? {} : { collectionId: options.collectionId };
      closeRepo(createRepo(context.sys, path, parseRepoMode(options.mode), named));
    });
  addConfig(program, context);
  addRemote(program, context);
}

function addConfig(program: Command, context: CliContext): void {
  repoVerb(program, 'config <operation> <key> [value]', 'get, set or unset a setting')
    .option('--group <name>', 'the group, where KEY does not name it')
    .action(
      (
        operation: string,
        key: string,
        value: string | undefined,
        options: { group?: string },
        command: Command,
      ) => {
        const at = settingName(key, options.group);
        withRepo(context, command, (repo) => {
          if (operation === 'get') return context.out(`${valueOf(repo.config, at)}\n`);
          if (operation === 'unset') return save(repo, withKey(repo.config, at.group, at.key, null));
          if (operation !== 'set') throw new UserError('BAD_OPTION', `Unknown operation ${operation}`);
          if (value === undefined) throw new UserError('BAD_OPTION', 'VALUE must be specified');
          save(repo, withKey(repo.config, at.group, at.key, value));
        });
      },
    );
}

interface SettingName {
  readonly group: string;
  readonly key: string;
}

/** `GROUP.KEY`; the group itself may hold dots. */
function settingName(text: string, group: string | undefined): SettingName {
  if (group !== undefined) return { group, key: text };
  const dot = text.lastIndexOf('.');
  if (dot < 0) throw new UserError('BAD_OPTION', 'Key must be of the form "sectionname.keyname"');
  return { group: text.slice(0, dot), key: text.slice(dot + 1) };
}

function valueOf(config: KeyFile, { group, key }: SettingName): string {
  const value = keyFileString(config, group, key);
  if (value === null)
    throw new UserError('NO_SETTING', `Key file does not have key “${key}” in group “${group}”`);
  return value;
}

function save(repo: Repo, config: KeyFile): void {
  writeConfig(repo.sys, repo.fd, formatKeyFile(config));
}

function addRemote(program: Command, context: CliContext): void {
  const remote = program.command('remote').description('the repositories to pull from');
  repoVerb(remote, 'list', 'name the remotes')
    .option('-u, --show-urls', 'with their URLs')
    .action((options: { showUrls?: boolean }, command: Command) =>
      withRepo(context, command, ({ config }) => {
        for (const name of remotesOf(config)) {
          const url = keyFileString(config, remoteGroup(name), 'url') ?? '';
          context.out(options.showUrls === true ? `${name}  ${url}\n` : `${name}\n`);
        }
      }),
    );
  repoVerb(remote, 'show-url <name>', 'print the URL of a remote').action(
    (name: string, _options: unknown, command: Command) =>
      withRepo(context, command, ({ config }) => {
        refuseUnknownRemote(config, name);
        context.out(`${valueOf(config, { group: remoteGroup(name), key: 'url' })}\n`);
      }),
  );
  repoVerb(remote, 'add <name> <url>', 'add a remote')
    .option('--no-gpg-verify', 'do not check signatures')
    .action((name: string, url: string, options: { gpgVerify: boolean }, command: Command) =>
      withRepo(context, command, (repo) => addOneRemote(repo, { name, url, verify: options.gpgVerify })),
    );
  repoVerb(remote, 'delete <name>', 'remove a remote').action(
    (name: string, _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        refuseUnknownRemote(repo.config, name);
        save(repo, withoutGroup(repo.config, remoteGroup(name)));
      }),
  );
}

function addOneRemote(
  repo: Repo,
  remote: { readonly name: string; readonly url: string; readonly verify: boolean },
): void {
  const group = remoteGroup(remote.name);
  if (remotesOf(repo.config).includes(remote.name))
    throw new UserError('REMOTE_EXISTS', `Remote configuration for "${remote.name}" already exists`);
  const config = withKey(repo.config, group, 'url', remote.url);
  save(repo, remote.verify ? config : withKey(config, group, 'gpg-verify', false));
}

function refuseUnknownRemote(config: KeyFile, name: string): void {
  if (!remotesOf(config).includes(name))
    throw new UserError('NO_REMOTE', `Remote "${name}" not found`, {
      hint: `'ostree remote list' names them`,
    });
}

function remoteGroup(name: string): string {
  return `remote "${name}"`;
}

function remotesOf(config: KeyFile): string[] {
  return keyFileGroups(config)
    .filter((group) => group.startsWith('remote "') && group.endsWith('"'))
    .map((group) => group.slice('remote "'.length, -1))
    .sort();
}
