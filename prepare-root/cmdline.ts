/**
 * The kernel command line as ostree's boot programs read it: words between spaces, no quotes, the first `key=` wins.
 */
import { UserError } from '#ostree/format/errors.ts';

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
  const slot = kernelArgument(cmdline, 'androidboot.slot_suffix');
  if (slot !== null) return slotTarget(slot);
  if (words(cmdline).some((word) => word.startsWith('androidboot.'))) return '/ostree/root.a';
  const target = kernelArgument(cmdline, 'ostree');
  if (target !== null && target !== '') return target;
  throw new UserError('NO_OSTREE_TARGET', 'No ostree target found', {
    hint: "the kernel command line has no 'ostree=/ostree/boot.…' word: the boot entry that was started is not of ostree",
  });
}

function slotTarget(slot: string): string {
  if (slot === '_a') return '/ostree/root.a';
  if (slot === '_b') return '/ostree/root.b';
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
