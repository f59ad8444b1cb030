/** `mask` and `unmask`: what they do beside the links, and what they print. */
import { spawnSync } from 'node:child_process';
import type { CliContext } from '#cli/context.ts';
import { reporterOf, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { choiceOf, printJson } from '#cli/yum-ostree-system.ts';
import { maskUnits, type MaskedUnit } from '#layering/mask-units.ts';
import { AT_FDCWD } from '#native/syscalls.ts';

/** `now`: stop the units too, where the system runs. */
export async function mask(
  units: readonly string[],
  options: GlobalOptions & { readonly masked: boolean; readonly now: boolean },
  context: CliContext,
): Promise<void> {
  const reporter = reporterOf(options, context);
  const choice = choiceOf(options, context, reporter);
  const done = await maskUnits(choice, units, options.masked);
  const isRunning = choice.path === '/' && context.sys.lstat(AT_FDCWD, '/run/systemd/system') !== null;
  const failures = isRunning ? toldSystemd(done, options) : [];
  reporter.finish();
  if (options.json === true)
    printJson(context, {
      units: done.map(({ unit, isChanged, isKnown }) => ({
        unit,
        masked: options.masked,
        changed: isChanged,
        known: isKnown,
      })),
      failures,
    });
  else if (options.quiet !== true) for (const one of done) context.out(`${lineOf(one, options.masked)}\n`);
  for (const failure of failures) context.err(`warning: ${failure}\n`);
}

function lineOf({ unit, isChanged, isKnown }: MaskedUnit, masked: boolean): string {
  const state = masked ? 'masked' : 'not masked';
  const now = isChanged ? `${unit} is now ${state}` : `${unit} is ${state} already`;
  return isKnown ? now : `${now}; the tree has no such unit`;
}

/** The links hold whatever comes of this. */
function toldSystemd(
  done: readonly MaskedUnit[],
  { masked, now }: { readonly masked: boolean; readonly now: boolean },
): string[] {
  const commands = [['daemon-reload'], ...(masked && now ? [['stop', ...done.map(({ unit }) => unit)]] : [])];
  return commands.flatMap((words) => {
    const { status, stderr, error } = spawnSync('systemctl', words, { encoding: 'utf8' });
    if (status === 0) return [];
    return [`systemctl ${words.join(' ')} failed: ${error?.message ?? stderr.trim()}`];
  });
}
