/** `yum-ostree-boot fsck-boot`. */
import type { VerbArguments } from '#board/arguments.ts';
import type { BoardContext } from '#board/context.ts';
import { jsonText } from '#board/json-text.ts';
import { fsckBoot, fsckFacts, fsckText } from '#bootloader/fsck-boot.ts';

/** @throws UserError as the story */
export function fsckBootVerb(context: BoardContext, { flags }: VerbArguments): string {
  fsckBoot(context, flags.has('--repair'), (report) => {
    const text = flags.has('--json') ? `${jsonText(fsckFacts(report))}\n` : fsckText(report);
    context.sys.write(1, text);
  });
  return '';
}
