/** `yum-ostree-boot cleanup`: what no deployment and no ref needs, and what interrupted runs left. */
import { changingSysroot, type BoardContext } from '#board/context.ts';
import { settleBootPartition } from '#bootloader/write-entries.ts';
import { pruneByDirectory } from '#ostree/repo/prune-by-directory.ts';
import { cleanUpSysroot } from '#ostree/sysroot/cleanup.ts';

/** @returns a line for each deployment that went, and one for the objects */
export function cleanup(context: BoardContext): string {
  return changingSysroot(context, (sysroot) => {
    settleBootPartition(sysroot);
    const { removed } = cleanUpSysroot(sysroot);
    const roots = sysroot.deployments.map(({ checksum }) => checksum);
    const pruned = pruneByDirectory(sysroot.repo, roots);
    return [
      ...removed.map((path) => `removed deployment ${path}\n`),
      ...(pruned === 0 ? [] : [`removed ${pruned} objects\n`]),
    ].join('');
  });
}
