/** `yum-ostree-boot fsck-boot`: works also where the other verbs cannot read the sysroot. */
import type { VerbArguments } from '#board/arguments.ts';
import { changingSysroot, readingSysroot, type BoardContext } from '#board/context.ts';
import type { BootPlace } from '#bootloader/boot-place.ts';
import { readBootView } from '#bootloader/boot-view.ts';
import { bootProblems, type BootProblem } from '#bootloader/check-boot.ts';
import { loaderProblems, writeLoaderFiles } from '#bootloader/loader-files.ts';
import { hasDuplicateMenu, willBeDuplicate } from '#bootloader/grub-duplicates.ts';
import { partitionProblems } from '#bootloader/partition-check.ts';
import { repairBoot } from '#bootloader/repair-boot.ts';
import { partitionTarget, settleBootPartition } from '#bootloader/write-entries.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import { deploymentPath } from '#ostree/sysroot/deployment.ts';
import { withLock } from '#ostree/sysroot/locked-sysroot.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

/** @returns what was mended, and warnings. @throws UserError BOOT_DAMAGED naming what is left */
export function fsckBoot(context: BoardContext, { flags }: VerbArguments): string {
  const { sys, path } = context;
  const isRepair = flags.has('--repair');
  if (isRepair) makeSysrootWritable(sys, path);
  const fd = openRoot(context);
  try {
    const place = { sys, fd, path };
    const mended = isRepair ? withLock(place, () => repairBoot(place)) : [];
    const said = mended.map((line) => `repaired: ${line}\n`).join('');
    refuseDamaged(place, { problems: bootProblems(readBootView(place)), said, isRepair });
    const found = readingSysroot(context, readByLoader);
    if (!isRepair) refuseDamaged(place, { problems: [...found.files, ...found.partition], said, isRepair });
    const more = isRepair ? repairForLoader(context, found) : '';
    const { files, partition } = readingSysroot(context, readByLoader);
    refuseDamaged(place, { problems: [...files, ...partition], said: said + more, isRepair });
    return said + more + duplicateWarnings(place);
  } finally {
    sys.close(fd);
  }
}

const GRUB_FILES = ['boot/grub2/grub.cfg', 'boot/grub/grub.cfg'];

/** The machine boots with such a menu, but may do so into another entry than the one that was made the default. */
function duplicateWarnings(place: BootPlace): string {
  const { sys, fd } = place;
  const remedy = `remove /etc/grub.d/15_ostree, or unset GRUB_ENABLE_BLSCFG, and run grub2-mkconfig`;
  const generator = readGenerator(place);
  return GRUB_FILES.map((file) => {
    const text = sys.readText(fd, file) ?? '';
    if (hasDuplicateMenu(text))
      return `warning: /${file} shows each deployment twice, by blscfg and by 15_ostree: ${remedy}\n`;
    return willBeDuplicate(text, generator)
      ? `warning: /${file} reads the boot entries by blscfg; the next grub2-mkconfig adds each deployment once more, ` +
          `by /etc/grub.d/15_ostree of the default deployment: remove that before\n`
      : '';
  }).join('');
}

/** What grub2-mkconfig finds in the default deployment. */
function readGenerator(place: BootPlace): Parameters<typeof willBeDuplicate>[1] {
  const { sys, fd } = place;
  const isMarked = sys.stat(fd, 'boot/grub2/.grub2-blscfg-supported') !== null;
  const deployment = readBootView(place).entries[0]?.deployment ?? null;
  if (deployment === null) return { script: false, defaults: '', isMarked };
  const etc = `${deploymentPath(deployment)}/etc`;
  const mode = sys.stat(fd, `${etc}/grub.d/15_ostree`)?.mode ?? 0;
  const defaults = sys.readText(fd, `${etc}/default/grub`) ?? '';
  return { script: (mode & 0o111) !== 0, defaults, isMarked };
}

function openRoot({ sys, path }: BoardContext): number {
  const fd = sys.open(AT_FDCWD, path, ['read', 'directory']);
  if (sys.stat(fd, 'ostree/deploy') !== null && sys.stat(fd, 'boot') !== null) return fd;
  sys.close(fd);
  throw new UserError('NO_SYSROOT', `'${path}' is not a sysroot: it has no ostree/deploy, or no boot`, {
    hint: '--sysroot names another',
  });
}

/** What boot loaders read, which is written from the entries. */
interface ReadByLoader {
  readonly files: readonly BootProblem[];
  readonly partition: readonly BootProblem[];
}

function readByLoader(sysroot: Sysroot): ReadByLoader {
  return { files: loaderProblems(sysroot), partition: partitionProblemsOf(sysroot) };
}

/** @returns what was done */
function repairForLoader(context: BoardContext, { files, partition }: ReadByLoader): string {
  if (files.length > 0) changingSysroot(context, (sysroot) => writeLoaderFiles(sysroot, context));
  if (partition.length > 0) changingSysroot(context, settleBootPartition);
  const written = new Set([...files, ...partition].map(({ where }) => where));
  return [...written].map((where) => `repaired: ${where} written anew from the entries\n`).join('');
}

/** Of the partition of systemd-boot, where there is one. */
function partitionProblemsOf(sysroot: Sysroot): BootProblem[] {
  const target = partitionTarget(sysroot);
  return target === null ? [] : partitionProblems(sysroot, target);
}

interface Found {
  readonly problems: readonly BootProblem[];
  /** What was mended. */
  readonly said: string;
  readonly isRepair: boolean;
}

function refuseDamaged(place: BootPlace, { problems, said, isRepair }: Found): void {
  if (problems.length === 0) return;
  place.sys.write(1, said);
  const lines = problems.map(({ where, what }) => `\n  ${where}: ${what}`).join('');
  throw new UserError('BOOT_DAMAGED', `the boot menu of this sysroot is damaged:${lines}`, {
    hint: isRepair
      ? 'what is left cannot be mended without knowing more: deploy anew'
      : 'fsck-boot --repair mends what it can',
  });
}
