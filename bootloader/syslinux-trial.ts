/** The trial of a deployment under syslinux: its configuration in /boot/loader and its auxiliary data in `ldlinux.sys`. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { EXTLINUX, leadsTo, type Bootloader } from '#bootloader/detect.ts';
import {
  defaultLabels,
  isOwnLabel,
  syslinuxCounts,
  trialLabel,
  withDefault,
  withOnError,
  type SyslinuxFile,
} from '#bootloader/fallback-syslinux.ts';
import type { Counts, Trial } from '#bootloader/fallback.ts';
import { readAdv, writeAdv } from '#bootloader/syslinux-adv-file.ts';
import { bootOnce, withBootOnce } from '#bootloader/syslinux-adv.ts';
import { syncBoot } from '#bootloader/sync-boot.ts';
import { replaceFile } from '#ostree/sysroot/write-file.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

/** Btrfs keeps the auxiliary data elsewhere on the disk. */
const BTRFS = 0x9123683e;

/** Where syslinux lies. Paths are relative to the sysroot. */
export interface SyslinuxPlace {
  readonly file: SyslinuxFile;
  /** `ldlinux.sys`. */
  readonly loader: string;
}

const FILES: readonly {
  readonly file: SyslinuxFile;
  readonly at: string;
  readonly directories: readonly string[];
}[] = [
  {
    file: 'syslinux.cfg',
    at: 'boot/syslinux/syslinux.cfg',
    directories: ['boot/syslinux', 'boot/extlinux', 'boot'],
  },
  { file: 'extlinux.conf', at: EXTLINUX.path, directories: ['boot/extlinux', 'boot'] },
];

/** Where a trial can be kept; otherwise why it cannot, as a text. */
export function findSyslinux({ sys, fd }: BootPlace, bootloader: Bootloader): SyslinuxPlace | string {
  const [found] = FILES.filter(({ file }) => (file === 'syslinux.cfg') === (bootloader === 'syslinux'));
  if (found === undefined) return 'syslinux is not used';
  const { file, at, directories } = found;
  const current = sys.stat(fd, at);
  // Before the first deployment.
  const isUnwritten = current === null && leadsTo({ sys, fd }, { path: at, target: `../loader/${file}` });
  if (!isUnwritten && (current === null || current.ino !== sys.stat(fd, `boot/loader/${file}`)?.ino))
    return `/${at} is no link to /boot/loader/${file}`;
  const loader = directories
    .map((directory) => `${directory}/ldlinux.sys`)
    .find((path) => sys.lstat(fd, path) !== null);
  if (loader === undefined)
    return file === 'extlinux.conf'
      ? 'U-Boot counts nothing by extlinux.conf'
      : `there is no ldlinux.sys in /${directories[0] ?? ''}`;
  if (isUnwritten) return `/boot/loader/${file} is not written yet`;
  const foreign = defaultLabels(sys.readText(fd, at) ?? '').find((label) => !isOwnLabel(label));
  if (foreign !== undefined) return `the DEFAULT of /${at} is '${foreign}', none of ostree's`;
  return isOnBtrfs({ sys, fd })
    ? 'on btrfs, syslinux keeps its data outside of ldlinux.sys'
    : { file, loader };
}

/** @throws UserError SYSLINUX_DATA */
export function readSyslinuxCounts(place: BootPlace, { file, loader }: SyslinuxPlace): Counts {
  return syslinuxCounts(file, currentText(place, file), bootOnce(readAdv(place, loader)));
}

/**
 * Before the list with the trial is made current: what boots next, once, is the label that only the new configuration has.
 * A crash before that is made current leaves syslinux without such an entry: then it boots the default of the old one.
 * @throws UserError SYSLINUX_DATA
 */
export function armSyslinux(sysroot: Sysroot, { file, loader }: SyslinuxPlace, trial: Trial): void {
  const text = currentText(sysroot, file);
  const adv = readAdv(sysroot, loader);
  if (syslinuxCounts(file, text, null).has(trial.id)) return;
  writeText(sysroot, file, { before: text, after: withOnError(text) });
  writeAdv(sysroot, loader, withBootOnce(adv, trialLabel(file, trial.id)));
}

/** The trial was passed: its label is the default, by one rename. The caller syncs. */
export function markSyslinuxGood(sysroot: Sysroot, { file }: SyslinuxPlace, trial: Trial): void {
  const text = currentText(sysroot, file);
  const after = withDefault(text, trialLabel(file, trial.id));
  replaceFile(sysroot.sys, sysroot.fd, { path: pathOf(sysroot, file), text: after });
}

/** Takes back what would boot once and is no trial any more. @returns what was done, for people; null for nothing */
export function repairSyslinux(
  place: BootPlace,
  { file, loader }: SyslinuxPlace,
  trial: Trial | null,
): string | null {
  const adv = readAdv(place, loader);
  const once = bootOnce(adv);
  const isStale = once?.startsWith(trialLabel(file, '')) === true;
  if (once === null || !isStale || (trial !== null && once === trialLabel(file, trial.id))) return null;
  writeAdv(place, loader, withBootOnce(adv, null));
  return `/${loader}: '${once}' boots next no more: it is not on trial`;
}

function currentText({ sys, fd }: BootPlace, file: SyslinuxFile): string {
  return sys.readText(fd, `boot/loader/${file}`) ?? '';
}

/** Through the link it would be one side or the other by chance. */
function pathOf({ bootversion }: Sysroot, file: SyslinuxFile): string {
  return `boot/loader.${bootversion}/${file}`;
}

function writeText(
  sysroot: Sysroot,
  file: SyslinuxFile,
  { before, after }: { readonly before: string; readonly after: string },
): void {
  if (before === after) return;
  const { sys, fd } = sysroot;
  replaceFile(sys, fd, { path: pathOf(sysroot, file), text: after });
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    syncBoot(sysroot, boot);
  } finally {
    sys.close(boot);
  }
}

function isOnBtrfs({ sys, fd }: Pick<BootPlace, 'sys' | 'fd'>): boolean {
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    return sys.statfs(boot).type === BTRFS;
  } finally {
    sys.close(boot);
  }
}
