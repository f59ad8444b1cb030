/** Verbs that change what the layers are put on: upgrade, switch, deploy; and reset, which drops the layers. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { addChangeOptions, runChange } from '#cli/yum-ostree-change.ts';
import { optionsOf } from '#cli/yum-ostree-options.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import type { BaseChoice } from '#layering/base-choice.ts';
import type { RequestKind } from '#layering/plan.ts';

interface UpgradeFlags {
  readonly allowDowngrade?: boolean;
  readonly check?: boolean;
  readonly retryFailed?: boolean;
  readonly preview?: boolean;
  readonly triggerAutomaticUpdatePolicy?: boolean;
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
    .argument('<name>', 'REF, REMOTE:REF, REMOTE:, a checksum, or BASE+@group+package-removed')
    .action(async (name: string, _options: object, command: Command) =>
      onto({ kind: 'switch', name }, command),
    );
  addChangeOptions(program.command('deploy'))
    .description("compose on a commit of the base's ref")
    .argument('<revision>', 'a checksum or its beginning, a version, revision=C or version=V')
    .action(async (revision: string, _options: object, command: Command) =>
      onto({ kind: 'deploy', revision }, command),
    );
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

/** All where none is named. */
function clearedKinds({ overlays, overrides, initramfs }: ResetFlags): RequestKind[] {
  const named: RequestKind[] = [
    ...(overlays === true ? (['layers'] as const) : []),
    ...(overrides === true ? (['overrides'] as const) : []),
    ...(initramfs === true ? (['initramfs'] as const) : []),
  ];
  return named.length > 0 ? named : ['layers', 'overrides', 'initramfs'];
}
