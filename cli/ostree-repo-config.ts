/** `init` and `config`. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { UserError } from '#ostree/format/errors.ts';
import { formatKeyFile, keyFileString, withKey, type KeyFile } from '#ostree/format/keyfile.ts';
import { closeRepo, createRepo, parseRepoMode, writeConfig, type Repo } from '#ostree/repo/repo.ts';

export function addConfigVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'init', 'make an empty repository')
    .option('--mode <mode>', 'bare, bare-user, bare-user-only or archive', 'bare')
    .option('--collection-id <id>', 'the name of the repository as a set of refs')
    .action((options: { mode: string; collectionId?: string }, command: Command) => {
      const path = command.optsWithGlobals<{ repo?: string }>().repo ?? context.env['OSTREE_REPO'] ?? '';
      if (path === '')
        throw new UserError('NO_REPO', 'Command requires a --repo argument', {
          hint: '--repo=. makes the working directory a repository',
        });
      const named = options.collectionId === undefined ? {} : { collectionId: options.collectionId };
      closeRepo(createRepo(context.sys, path, parseRepoMode(options.mode), named));
    });
  addConfig(program, context);
}

function addConfig(program: Command, context: CliContext): void {
  repoVerb(program, 'config <operation> <key> [value] [more...]', 'get, set or unset a setting')
    .option('--group <name>', 'the group, where KEY does not name it')
    .action(
      (
        operation: string,
        key: string,
        value: string | undefined,
        more: readonly string[],
        options: { group?: string },
        command: Command,
      ) => {
        if (more.length > 0 || (operation !== 'set' && value !== undefined)) throw tooManyArguments();
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

function tooManyArguments(): UserError {
  return new UserError('BAD_OPTION', 'Too many arguments given');
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
