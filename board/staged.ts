/** The staged deployment: `finalize-staged` at shutdown, `boot-complete` after the next boot. */
import type { VerbArguments } from '#board/arguments.ts';
import { changingSysroot, type BoardContext } from '#board/context.ts';
import { finalizeBooted, holdBoot } from '#bootloader/finalize.ts';
import { grubMkconfig } from '#bootloader/grub-mkconfig.ts';
import { completeBoot } from '#bootloader/stage.ts';

/** @throws UserError NOT_BOOTED, and those of `finalizeStaged` */
export function finalize(context: BoardContext, { flags }: VerbArguments): string {
  if (flags.has('--hold')) return holdBoot(context.sys);
  return changingSysroot(context, (sysroot) => {
    const said: string[] = [];
    finalizeBooted(sysroot, { generateGrub: grubMkconfig(context, sysroot) }, (text) => said.push(text));
    return said.join('');
  });
}

/** @throws UserError FINALIZE_FAILED */
export function bootComplete(context: BoardContext): string {
  changingSysroot(context, completeBoot);
  return '';
}
