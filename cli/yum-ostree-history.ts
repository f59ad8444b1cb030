/** `history` lists what was changed; `undo` takes one change back. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { isoTime, tableText } from '#cli/report.ts';
import { addChangeOptions, runChange } from '#cli/yum-ostree-change.ts';
import { optionsOf, reporterOf, wholeNumber, type GlobalOptions } from '#cli/yum-ostree-options.ts';
import { choiceOf, printJson } from '#cli/yum-ostree-system.ts';
import type { VerbResult } from '#cli/yum-ostree.ts';
import type { HistoryRecord } from '#layering/history.ts';
import { UserError } from '#ostree/format/errors.ts';

export function addHistoryVerbs(program: Command, context: CliContext, result: VerbResult): void {
  program
    .command('history')
    .description('list what was changed, by whom, and how')
    .option('-n, --limit <N>', 'only the newest so many', wholeNumber)
    .action(async (_options: object, command: Command) => history(optionsOf(command), context));
  addChangeOptions(program.command('undo'))
    .description('take one change back; later ones stay')
    .argument('<id>', "a number of 'history'")
    .action(async (id: string, _options: object, command: Command) => {
      if (!/^[0-9]{1,9}$/.test(id)) throw new UserError('USAGE', `'${id}' is no number of a change`);
      const base = { kind: 'undo', id: Number(id) } as const;
      result.exitCode = await runChange({}, { command, context, base });
    });
}

async function history(
  options: GlobalOptions & { readonly limit?: number },
  context: CliContext,
): Promise<void> {
  const { historyFault, readHistory } = await import('#layering/history.ts');
  const { withSystemUnchanged } = await import('#layering/system.ts');
  const reporter = reporterOf(options, context);
  const found = await withSystemUnchanged(choiceOf(options, context, reporter), ({ historyPath }) =>
    Promise.resolve(readHistory(historyPath)),
  );
  const { records, unreadable } = found;
  const fault = historyFault(found);
  if (fault !== null) reporter.progress({ kind: 'warning', text: fault });
  const shown = records.slice(Math.max(0, records.length - (options.limit ?? records.length)));
  if (options.json === true) printJson(context, { changes: shown, 'unreadable-lines': unreadable });
  else context.out(historyText(shown, options.verbose === true));
}

/** The newest first. */
function historyText(records: readonly HistoryRecord[], verbose: boolean): string {
  if (records.length === 0) return 'No change is recorded.\n';
  const newest = [...records].reverse();
  if (!verbose)
    return tableText(
      newest.map(({ id, time, user, command, treeName }) => [
        String(id),
        isoTime(time),
        user,
        command,
        treeName,
      ]),
    );
  return newest
    .map((one) => {
      const lines: [string, readonly string[]][] = [
        ['+', one.install],
        ['-', one.remove],
        ['~', one.replace],
        ['+', one.restore],
      ];
      const packages = lines.flatMap(([sign, nevras]) => nevras.map((nevra) => [`  ${sign} ${nevra}`]));
      const title = [String(one.id), isoTime(one.time), one.user, one.command];
      return `${tableText([title])}${tableText([[`  ${one.treeName}`], ...packages])}`;
    })
    .join('\n');
}
