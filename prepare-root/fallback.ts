/** Which deployment is booted in place of one that cannot be: the decision. `attempt.ts` tries them. */
import { kernelArgument } from '#prepare-root/cmdline.ts';
import { linkWords, type BootLinks } from '#prepare-root/boot-links.ts';
import { UserError } from '#ostree/format/errors.ts';

/** On the kernel command line; wins over `[yum-ostree] fallback` of prepare-root.conf. */
export const FALLBACK_ARGUMENT = 'ostree.prepare-root.fallback';

/** null where the command line does not say. @throws UserError BAD_BOOT_CONFIG */
export function fallbackArgument(cmdline: string): boolean | null {
  const value = kernelArgument(cmdline, FALLBACK_ARGUMENT);
  if (value === null) return null;
  if (value === '1' || value === 'true' || value === 'yes') return true;
  if (value === '0' || value === 'false' || value === 'no') return false;
  throw new UserError('BAD_BOOT_CONFIG', `${FALLBACK_ARGUMENT}=${value} is neither 1 nor 0`);
}

/**
 * The links to try, best first: those with the kernel of the one that was asked for (it is the one that runs, and its
 * modules are in no other deployment), in the order of the boot menu, else by serial; then the others, in the order of
 * the menu, else the newest first.
 * @param asked what the command line names; null for nothing
 */
export function fallbackOrder({ links, menu }: BootLinks, asked: string | null): readonly string[] {
  const [, bootcsum] = linkWords(asked ?? '');
  const place = (path: string): number => (menu.includes(path) ? menu.indexOf(path) : menu.length);
  return links
    .filter((link) => link.deployment !== null && link.path !== asked)
    .map((link) => ({ ...link, otherKernel: link.bootcsum === '' || link.bootcsum !== bootcsum }))
    .toSorted(
      (a, b) =>
        Number(a.otherKernel) - Number(b.otherKernel) ||
        place(a.path) - place(b.path) ||
        (a.otherKernel ? b.changed - a.changed : 0) ||
        comparePaths(a.path, b.path),
    )
    .map((link) => link.path);
}

/** Serials are numbers: 10 comes after 9. */
function comparePaths(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** What was decided, for the console and for the programs of the real root. */
export interface Fallback {
  /** null: the command line named nothing. */
  readonly asked: string | null;
  readonly reason: string;
  /** The link that was taken. */
  readonly taken: string;
  readonly sameKernel: boolean;
}
