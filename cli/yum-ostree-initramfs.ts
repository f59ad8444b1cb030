/** `initramfs`: whether it is made on this machine; `initramfs-etc`: files of /etc in an initrd beside it. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { shownWord } from '#cli/report-error.ts';
import { initramfsJson } from '#cli/status-text.ts';
import { addChangeOptions, runChange } from '#cli/yum-ostree-change.ts';
import { collected, optionsOf, reporterOf, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { choiceOf, printJson } from '#cli/yum-ostree-system.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import type { InitramfsChange, InitramfsRequest } from '#layering/initramfs-request.ts';
import { UserError } from '#ostree/format/errors.ts';

interface RegenerateFlags {
  readonly enable?: boolean;
  readonly disable?: boolean;
  readonly arg?: string[];
}

interface EtcFlags {
  readonly track?: string[];
  readonly untrack?: string[];
  readonly untrackAll?: boolean;
  readonly forceSync?: boolean;
}

export function addInitramfsVerbs(program: Command, context: CliContext, result: VerbResult): void {
  const run = async (change: InitramfsChange | null, command: Command, show: ShowRequest): Promise<void> => {
    if (change !== null) result.exitCode = await runChange({}, { command, context, initramfs: change });
    else await showRequest(optionsOf(command), context, show);
  };
  addChangeOptions(program.command('initramfs'))
    .description('make the initramfs on this machine, with dracut, or show whether it is')
    .option('--enable', 'make it here, now and with each later change')
    .option('--disable', 'take that of the base')
    .option('--arg <ARG>', 'a further argument for dracut', collected)
    .action(async (_options: object, command: Command) =>
      run(regeneration(optionsOf<RegenerateFlags>(command)), command, regenerationText),
    );
  addChangeOptions(program.command('initramfs-etc'))
    .description('put files of /etc into an initrd beside the initramfs, or list them')
    .option('--track <PATH>', 'a file or directory below /etc', collected)
    .option('--untrack <PATH>', 'no longer this', collected)
    .option('--untrack-all', 'none any more')
    .option('--force-sync', 'take the files anew, also where nothing else changes')
    .action(async (_options: object, command: Command) =>
      run(etcChange(optionsOf<EtcFlags>(command)), command, etcText),
    );
}

/** @throws UserError USAGE */
function regeneration({ enable, disable, arg = [] }: RegenerateFlags): InitramfsChange | null {
  if (enable === true && disable === true)
    throw new UserError('USAGE', 'initramfs: --enable and --disable exclude each other');
  if (enable !== true && arg.length > 0)
    throw new UserError('USAGE', 'initramfs: --arg is for --enable', {
      hint: "'initramfs --enable --arg=…' makes it anew with these arguments",
    });
  if (arg.some((word) => /[\0\n]/.test(word)))
    throw new UserError('USAGE', 'initramfs: an argument of dracut has no line end');
  if (enable !== true && disable !== true) return null;
  return { kind: 'regenerate', enable: enable === true, args: arg };
}

function etcChange({ track = [], untrack = [], untrackAll, forceSync }: EtcFlags): InitramfsChange | null {
  const isAsked = track.length + untrack.length > 0 || untrackAll === true || forceSync === true;
  if (!isAsked) return null;
  return { kind: 'etc', track, untrack: untrackAll === true ? null : untrack, forceSync: forceSync === true };
}

type ShowRequest = (request: InitramfsRequest) => string;

async function showRequest(options: GlobalOptions, context: CliContext, show: ShowRequest): Promise<void> {
  const { withSystemUnchanged } = await import('#layering/system.ts');
  const reporter = reporterOf(options, context);
  const request = await withSystemUnchanged(choiceOf(options, context, reporter), ({ origin }) =>
    Promise.resolve(origin.initramfs),
  );
  if (options.json === true) printJson(context, initramfsJson(request));
  else context.out(show(request));
}

function regenerationText({ regenerate, args }: InitramfsRequest): string {
  const words = args.length === 0 ? '' : `Arguments of dracut: ${args.map(shownWord).join(' ')}\n`;
  return `Initramfs regeneration: ${regenerate ? 'enabled' : 'disabled'}\n${words}`;
}

function etcText({ etc }: InitramfsRequest): string {
  if (etc.length === 0) return 'No files of /etc are tracked.\n';
  return `Tracked files:\n${etc.map((path) => `  ${shownWord(path)}\n`).join('')}`;
}
