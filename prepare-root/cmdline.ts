/**
 * The kernel command line as ostree's boot programs read it: words between spaces, no quotes, the first `key=` wins.
 */
import { UserError } from '#ostree/format/errors.ts';

/** Followed by the slot's letter. */
export const ANDROID_TARGET = '/ostree/root.';

/** The value of the first word `key=value`; null where there is none. */
export function kernelArgument(cmdline: string, key: string): string | null {
  const word = words(cmdline).find((one) => one.startsWith(`${key}=`));
  return word === undefined ? null : word.slice(key.length + 1);
}

/**
 * The link below the sysroot that leads to the deployment: `ostree=`, or on Android boot loaders the slot's.
 * @throws UserError NO_OSTREE_TARGET where the command line names none, or a slot that cannot be
 */
export function ostreeTarget(cmdline: string): string {
  const target = findOstreeTarget(cmdline);
  if (target !== null) return target;
  throw new UserError('NO_OSTREE_TARGET', 'No ostree target found', {
    hint: "the kernel command line has no 'ostree=/ostree/boot.…' word: the boot entry that was started is not of ostree",
  });
}

/** As `ostreeTarget`; null where the command line names none. */
export function findOstreeTarget(cmdline: string): string | null {
  const slot = kernelArgument(cmdline, 'androidboot.slot_suffix');
  if (slot !== null) return slotTarget(slot);
  if (words(cmdline).some((word) => word.startsWith('androidboot.'))) return `${ANDROID_TARGET}a`;
  const target = kernelArgument(cmdline, 'ostree');
  return target === '' ? null : target;
}

function slotTarget(slot: string): string {
  if (slot === '_a') return `${ANDROID_TARGET}a`;
  if (slot === '_b') return `${ANDROID_TARGET}b`;
  throw new UserError(
    'NO_OSTREE_TARGET',
    `Failed to determine ostree target: androidboot.slot_suffix invalid: ${slot}`,
    { hint: 'it is either _a or _b' },
  );
}

function words(cmdline: string): string[] {
  const [line = ''] = cmdline.split('\n');
  return line.split(' ').filter((word) => word !== '');
}
