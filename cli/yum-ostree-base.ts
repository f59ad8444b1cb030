/** Verbs that change what the layers are put on: upgrade, switch, deploy; and reset, which drops the layers. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addChangeOptions, runChange } from '#cli/yum-ostree-change.ts';
import { optionsOf } from '#cli/yum-ostree-options.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { BaseChoice } from '#layering/base-choice.ts';
import type { RequestKind } from '#layering/plan.ts';

interface UpgradeFlags {
  readonly allowDowngrade?: boolean;
  readonly check?: boolean;
  readonly retryFailed?: boolean;
  readonly preview?: boolean;
  readonly triggerAutomaticUpdatePolicy?: boolean;
}
interface SwitchFlags {
  readonly branch?: string;
  readonly remote?: string;
  readonly disallowDowngrade?: boolean;
}
interface ResetFlags {
  readonly overlays?: boolean;
  readonly overrides?: boolean;
  readonly initramfs?: boolean;
}

export function addBaseVerbs(program: Command, context: CliContext, result: VerbResult): void {
  const onto = async (base: BaseChoice, command: Command): Promise<void> => {
    result.exitCode = await runChange({}, { command, context, base });
  };
  addChangeOptions(program.command('upgrade'))
    .alias('update')
    .description("compose on the newest commit of the base's ref")
    .option('--allow-downgrade', 'also where that is older than the present one')
    .option('--retry-failed', 'also where that, or a tree on it, has failed to boot here')
    .option('--check', 'only look for an update; exit with 77 where there is none')
    .option('--preview', 'the same, with its packages and advisories')
    .option('--trigger-automatic-update-policy', 'do what /etc/yum-ostree.conf says, as the timer does')
    .action(async (_options: object, command: Command) => {
      const flags = optionsOf<UpgradeFlags>(command);
      const isLook = flags.check === true || flags.preview === true;
      if (isLook || flags.triggerAutomaticUpdatePolicy === true) {
        const { runCheck, runPolicy } = await import('#cli/yum-ostree-update.ts');
        result.exitCode = await (isLook ? runCheck : runPolicy)({ command, context });
        return;
      }
      const { allowDowngrade = false, retryFailed = false } = flags;
      return onto({ kind: 'newest', allowDowngrade, retryFailed }, command);
    });
  addChangeOptions(program.command('switch'))
    .alias('rebase')
    .description('compose on another ref, with what is layered, or make the tree that a name says')
    .argument('[name]', 'REF, REMOTE:REF, REMOTE:, a checksum, or BASE+@group+package-removed')
    .argument('[revision]', 'a commit of the ref, as of deploy')
    .option('-b, --branch <REF>', 'this ref, in place of a name')
    .option(
      '-m, --remote <REMOTE>',
      "of this remote, in place of a name; without --branch the present ref's name",
    )
    .option('--disallow-downgrade', 'not where that is older than the present one')
    .action(async (name: string | undefined, revision: string | undefined, _: object, command: Command) => {
      const flags = optionsOf<SwitchFlags>(command);
      const allowDowngrade = flags.disallowDowngrade !== true;
      const choice = { name: switchName(name, flags), revision: revision ?? null, allowDowngrade };
      return onto({ kind: 'switch', ...choice }, command);
    });
  addChangeOptions(program.command('deploy'))
    .description("compose on a commit of the base's ref")
    .argument('<revision>', 'a checksum or its beginning, a version, revision=C or version=V')
    .option('--disallow-downgrade', 'not where that is older than the present one')
    .action(async (revision: string, _options: object, command: Command) => {
      if (revision === '') throw new UserError('USAGE', 'deploy: the revision is empty');
      const allowDowngrade = optionsOf<SwitchFlags>(command).disallowDowngrade !== true;
      return onto({ kind: 'deploy', revision, allowDowngrade }, command);
    });
  addChangeOptions(program.command('reset'))
    .description('go back to the base: drop all that is layered and overridden, and its own initramfs')
    .option('-l, --overlays', 'only what is layered')
    .option('-o, --overrides', 'only the overrides')
    .option('-i, --initramfs', 'only what is asked of the initramfs')
    .action(async (_options: object, command: Command) => {
      result.exitCode = await runChange(
        { clear: clearedKinds(optionsOf<ResetFlags>(command)) },
        { command, context },
      );
    });
}

/** @throws UserError USAGE where nothing says which, or several things */
function switchName(name: string | undefined, { branch, remote }: SwitchFlags): string {
  const isSaid = branch !== undefined || remote !== undefined;
  if ((name === undefined) !== isSaid)
    throw new UserError('USAGE', 'switch: name a tree, or --branch and --remote');
  if ([name, branch, remote].includes(''))
    throw new UserError('USAGE', 'switch: the name of the tree is empty');
  return name ?? (remote === undefined ? (branch ?? '') : `${remote}:${branch ?? ''}`);
}

/** All where none is named. */
function clearedKinds({ overlays, overrides, initramfs }: ResetFlags): RequestKind[] {
  const named: RequestKind[] = [
    ...(overlays === true ? (['layers'] as const) : []),
    ...(overrides === true ? (['overrides'] as const) : []),
    ...(initramfs === true ? (['initramfs'] as const) : []),
  ];
  return named.length > 0 ? named : ['layers', 'overrides', 'initramfs'];
}
