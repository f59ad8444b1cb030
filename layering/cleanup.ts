/** `cleanup`: removes what no deployment needs, and what interrupted runs left. */
import { settleBootPartition } from '#bootloader/write-entries.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';
import { removeUnneeded } from '#layering/deploy-change.ts';
import { withSystem, type SystemChoice } from '#layering/system.ts';

/** @returns a line for each thing that went */
export function cleanUp(choice: SystemChoice): Promise<string[]> {
  return withSystem(choice, ({ sysroot }) => {
    settleBootPartition(sysroot);
    const { removed, mayPrune } = cleanUpSysroot(sysroot);
    const refs = removeUnneeded(sysroot, mayPrune || removed.length > 0);
    return Promise.resolve([
      ...removed.map((path) => `removed deployment ${path}`),
      ...refs.map((ref) => `removed ref ${ref}`),
    ]);
  });
}
