/** The story of `mark-good`, which `yum-ostree-boot` and `yum-ostree` tell alike: settle, check, mark. */
import {
  checkHealth,
  concludeBoot,
  isReadOnlyRoot,
  notGoodError,
  rebootMachine,
  settleBoot,
  type Settled,
} from '#bootloader/fallback-mark-good.ts';
import type { MarkGoodReport } from '#bootloader/fallback-report.ts';
import { grubMkconfig, type GrubCaller } from '#bootloader/grub-mkconfig.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { withLock, withSysroot } from '#ostree/sysroot/locked-sysroot.ts';
import { reloadSysroot, sysrootOptions, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

export interface MarkGoodCaller extends GrubCaller {
  readonly sys: RepoCalls;
}

/**
 * @param say is called with the report before the machine is booted again, or the error thrown
 * @throws UserError NOT_BOOTED, NOT_GOOD, GRUB_ENVIRONMENT, UBOOT_ENVIRONMENT, BAD_KEYFILE, REBOOT
 */
export function markGood(caller: MarkGoodCaller, say: (report: MarkGoodReport) => void): void {
  const { sys, env } = caller;
  const settled = marking(caller, (sysroot) =>
    settleBoot(sysroot, { generateGrub: grubMkconfig(caller, sysroot) }),
  );
  const report = telling(caller, settled, () => {
    const health = checkHealth(sys, env);
    return marking(caller, (sysroot) => concludeBoot(sysroot, settled, health));
  });
  say(report);
  if (report.isHealthy) return;
  if (report.reboots) rebootMachine(sys, env);
  throw notGoodError(report);
}

/** Where there will be no report, what was mended is told all the same: the next time there is nothing to mend. */
function telling<T>({ sys }: MarkGoodCaller, { repaired }: Settled, action: () => T): T {
  try {
    return action();
  } catch (error) {
    sys.write(2, repaired.map((line) => `repaired: ${line}\n`).join(''));
    throw error;
  }
}

/** Under the sysroot's lock. Where the root is read-only, what is written is in /boot or the loader's own environment. */
function marking<T>({ sys, env, path }: MarkGoodCaller, action: (sysroot: Sysroot) => T): T {
  makeSysrootWritable(sys, path);
  return withSysroot({ sys, path, options: sysrootOptions(env) }, (opened) => {
    try {
      return withLock(opened, () => action(reloadSysroot(opened)));
    } catch (error) {
      if (!isReadOnlyRoot(error)) throw error;
      return action(opened);
    }
  });
}
