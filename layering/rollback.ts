/** `rollback`: the previous deployment boots next. */
import { bootList } from '#bootloader/next-boot.ts';
import { requireRollback } from '#bootloader/rollback.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { grubGeneratorOf } from '#layering/grub-generator.ts';
import { readStatus } from '#layering/status.ts';
import { withSystem, type SystemChoice } from '#layering/system.ts';

/** @returns what boots next. @throws UserError NO_ROLLBACK */
export function rollBack(
  choice: SystemChoice,
): Promise<{ readonly treeName: string; readonly checksum: Checksum }> {
  return withSystem(choice, ({ sysroot }) => {
    const target = requireRollback(sysroot, 'yum-ostree');
    // As ostree: the staged deployment, if any, is given up.
    const others = sysroot.deployments.filter((one) => one !== target && !one.isStaged);
    bootList(sysroot, [target, ...others], { generateGrub: grubGeneratorOf(sysroot) });
    const named = readStatus(sysroot, null).find(({ deployment }) => deployment === target);
    return Promise.resolve({ treeName: named?.treeName ?? target.checksum, checksum: target.checksum });
  });
}
