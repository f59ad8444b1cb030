/** The story of `fsck-boot`: works also where the other verbs cannot read the sysroot. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { readBootView } from '#bootloader/boot-view.ts';
import { bootProblems, type BootProblem } from '#bootloader/check-boot.ts';
import { hasDuplicateMenu, willBeDuplicate } from '#bootloader/grub-duplicates.ts';
import { loaderProblems, writeLoaderFiles } from '#bootloader/loader-files.ts';
import { partitionProblems } from '#bootloader/partition-check.ts';
import { repairBoot } from '#bootloader/repair-boot.ts';
import { partitionTarget, settleBootPartition } from '#bootloader/write-entries.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';
import { deploymentPath } from '#ostree/sysroot/deployment.ts';
import {
  withLock,
  withLockedSysrootSync,
  withSysroot,
  type SysrootPlace,
} from '#ostree/sysroot/locked-sysroot.ts';
import { sysrootOptions, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeSysrootWritable } from '#ostree/sysroot/writable-sysroot.ts';

/** The process that asks, and the sysroot's path. */
export interface FsckCaller {
  readonly sys: RepoCalls;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly path: string;
}

export interface FsckReport {
  readonly found: readonly BootProblem[];
  /** Those of `found`, and what a repair brought to light, that are there now. */
  readonly left: readonly BootProblem[];
  /** What a repair did. */
  readonly done: readonly string[];
  readonly warnings: readonly string[];
}

/** `print` is called once, before what is left is an error. @throws UserError BOOT_DAMAGED naming what is left */
export function fsckBoot(caller: FsckCaller, isRepair: boolean, print: (report: FsckReport) => void): void {
  const { sys, path } = caller;
  if (isRepair) makeSysrootWritable(sys, path);
  const fd = openRoot(caller);
  try {
    const place = { sys, fd, path };
    const found = bootProblems(readBootView(place));
    const done = isRepair ? withLock(place, () => repairBoot(place)) : [];
    const left = isRepair ? bootProblems(readBootView(place)) : found;
    const whole = left.length > 0 ? { found, left, done } : fsckLoader(caller, isRepair, { found, done });
    print({ ...whole, warnings: duplicateWarnings(place) });
    refuseDamaged(whole.left, isRepair);
  } finally {
    sys.close(fd);
  }
}

/** `findings`: each with its path, what is wrong there, and whether it was repaired. */
export function fsckFacts({ found, left, done, warnings }: FsckReport): {
  readonly findings: readonly { readonly path: string; readonly what: string; readonly repaired: boolean }[];
  readonly done: readonly string[];
  readonly warnings: readonly string[];
} {
  const isIn = (list: readonly BootProblem[], one: BootProblem): boolean =>
    list.some(({ where, what }) => where === one.where && what === one.what);
  const all = [...found, ...left.filter((one) => !isIn(found, one))];
  const findings = all.map((one) => ({ path: one.where, what: one.what, repaired: !isIn(left, one) }));
  return { findings, done, warnings };
}

/** For people; what is left is in the error. */
export function fsckText({ left, done, warnings }: FsckReport): string {
  const said = done.map((line) => `repaired: ${line}\n`);
  return [...said, ...(left.length > 0 ? [] : warnings.map((line) => `warning: ${line}\n`))].join('');
}

function fsckLoader(
  caller: FsckCaller,
  isRepair: boolean,
  before: Pick<FsckReport, 'found' | 'done'>,
): Omit<FsckReport, 'warnings'> {
  const look = (): ReadByLoader => withSysroot(placeOf(caller), readByLoader);
  const first = look();
  const done = isRepair ? [...before.done, ...repairForLoader(caller, first)] : before.done;
  const last = isRepair ? look() : first;
  const found = [...before.found, ...first.files, ...first.partition];
  return { found, left: [...last.files, ...last.partition], done };
}

function placeOf({ sys, env, path }: FsckCaller): SysrootPlace {
  return { sys, path, options: sysrootOptions(env) };
}

const GRUB_FILES = ['boot/grub2/grub.cfg', 'boot/grub/grub.cfg'];

/** The machine boots with such a menu, but may do so into another entry than the one that was made the default. */
function duplicateWarnings(place: BootPlace): string[] {
  const { sys, fd } = place;
  const remedy = `remove /etc/grub.d/15_ostree, or unset GRUB_ENABLE_BLSCFG, and run grub2-mkconfig`;
  const generator = readGenerator(place);
  return GRUB_FILES.flatMap((file) => {
    const text = sys.readText(fd, file) ?? '';
    if (hasDuplicateMenu(text))
      return `/${file} shows each deployment twice, by blscfg and by 15_ostree: ${remedy}`;
    return willBeDuplicate(text, generator)
      ? `/${file} reads the boot entries by blscfg; the next grub2-mkconfig adds each deployment once more, ` +
          `by /etc/grub.d/15_ostree of the default deployment: remove that before`
      : [];
  });
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

function openRoot({ sys, path }: FsckCaller): number {
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
function repairForLoader(caller: FsckCaller, { files, partition }: ReadByLoader): string[] {
  if (files.length > 0)
    withLockedSysrootSync(placeOf(caller), (sysroot) => writeLoaderFiles(sysroot, caller));
  if (partition.length > 0) withLockedSysrootSync(placeOf(caller), settleBootPartition);
  const written = new Set([...files, ...partition].map(({ where }) => where));
  return [...written].map((where) => `${where} written anew from the entries`);
}

/** Of the partition of systemd-boot, where there is one. */
function partitionProblemsOf(sysroot: Sysroot): BootProblem[] {
  const target = partitionTarget(sysroot);
  return target === null ? [] : partitionProblems(sysroot, target);
}

function refuseDamaged(left: readonly BootProblem[], isRepair: boolean): void {
  if (left.length === 0) return;
  const lines = left.map(({ where, what }) => `\n  ${where}: ${what}`).join('');
  throw new UserError('BOOT_DAMAGED', `the boot menu of this sysroot is damaged:${lines}`, {
    hint: isRepair
      ? 'what is left cannot be mended without knowing more'
      : 'fsck-boot --repair mends what is clear, and says what is left',
  });
}
