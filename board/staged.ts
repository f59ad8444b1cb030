/** The staged deployment: `finalize-staged` at shutdown, `boot-complete` after the next boot. */
import type { VerbArguments } from '#board/arguments.ts';
import { changingSysroot, type BoardContext } from '#board/context.ts';
import { grubMkconfig } from '#bootloader/grub-mkconfig.ts';
import { describeSwap } from '#bootloader/next-boot.ts';
import { completeBoot, finalizeStaged } from '#bootloader/stage.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { requireBooted } from '#ostree/sysroot/booted.ts';
import { describeEtc } from '#ostree/sysroot/merge-etc.ts';

/** @throws UserError NOT_BOOTED, and those of `finalizeStaged` */
export function finalize(context: BoardContext, { flags }: VerbArguments): string {
  if (flags.has('--hold')) return holdBoot(context);
  return changingSysroot(context, (sysroot) => {
    requireBooted(sysroot);
    let merged = '';
    const result = finalizeStaged(sysroot, {
      generateGrub: grubMkconfig(context, sysroot),
      onEtcMerge: (diff) => (merged = describeEtc(diff)),
    });
    if (result.kind === 'nothing') return '';
    if (result.kind === 'locked') return 'The staged deployment is locked: it is not finalized\n';
    return `${merged}${describeSwap(result.written)}\n`;
  });
}

/** @throws UserError FINALIZE_FAILED */
export function bootComplete(context: BoardContext): string {
  changingSysroot(context, completeBoot);
  return '';
}

/** An open directory is in use: autofs does not unmount it. Ends with the signal that ends both processes. */
function holdBoot({ sys, env }: BoardContext): string {
  const boot = sys.open(AT_FDCWD, '/boot', ['read', 'directory']);
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const code = sys.spawn('sleep', ['sleep', 'infinity'], words);
  sys.close(boot);
  if (code !== null) return '';
  throw new UserError('NO_FILE', `finalize-staged --hold: there is no program 'sleep'`);
}
