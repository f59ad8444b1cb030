/** `yum-ostree-boot mark-good`: after a boot, by its unit. */
import type { VerbArguments } from '#board/arguments.ts';
import { readingSysroot, type BoardContext } from '#board/context.ts';
import { grubMkconfig } from '#bootloader/grub-mkconfig.ts';
import { jsonText } from '#board/json-text.ts';
import {
  checkHealth,
  concludeBoot,
  isReadOnlyRoot,
  notGoodError,
  rebootMachine,
  settleBoot,
} from '#bootloader/fallback-mark-good.ts';
import { withLock } from '#ostree/sysroot/locked-sysroot.ts';
import { markGoodFacts, markGoodText } from '#bootloader/fallback-report.ts';
import { reloadSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

/** @throws UserError NOT_BOOTED, NOT_GOOD, GRUB_ENVIRONMENT, BAD_KEYFILE, REBOOT */
export function markGood(context: BoardContext, { flags }: VerbArguments): string {
  const { sys, env } = context;
  const settled = marking(context, (sysroot) =>
    settleBoot(sysroot, { generateGrub: grubMkconfig(context, sysroot) }),
  );
  const health = checkHealth(sys, env);
  const report = marking(context, (sysroot) => concludeBoot(sysroot, settled, health));
  const said = flags.has('--json') ? `${jsonText(markGoodFacts(report))}\n` : markGoodText(report);
  if (report.isHealthy) return said;
  sys.write(1, said);
  if (report.reboots) rebootMachine(sys, env);
  throw notGoodError(report);
}

/** As `changingSysroot`; where the root is read-only, what is written is in /boot or the loader's own environment. */
function marking<T>(context: BoardContext, action: (sysroot: Sysroot) => T): T {
  makeSysrootWritable(context.sys, context.path);
  return readingSysroot(context, (opened) => {
    try {
      return withLock(opened, () => action(reloadSysroot(opened)));
    } catch (error) {
      if (!isReadOnlyRoot(error)) throw error;
      return action(opened);
    }
  });
}
