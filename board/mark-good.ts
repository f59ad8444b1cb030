/** `yum-ostree-boot mark-good`: after a boot, by its unit. */
import type { VerbArguments } from '#board/arguments.ts';
import type { BoardContext } from '#board/context.ts';
import { jsonText } from '#board/json-text.ts';
import { markGoodFacts, markGoodText } from '#bootloader/fallback-report.ts';
import { markGood } from '#bootloader/mark-good.ts';

/** @throws UserError as the story */
export function markGoodVerb(context: BoardContext, { flags }: VerbArguments): string {
  markGood(context, (report) => {
    const text = flags.has('--json') ? `${jsonText(markGoodFacts(report))}\n` : markGoodText(report);
    context.sys.write(1, text);
  });
  return '';
}
