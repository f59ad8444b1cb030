/** The story every verb uses: this deployment, or these in this order, boot next. */
import type { Deployment, NewDeployment } from '#ostree/sysroot/deployment.ts';
import { cleanUpSysroot, orCleanUp } from '#ostree/sysroot/cleanup.ts';
import { prune } from '#ostree/repo/prune.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { withFallback } from '#bootloader/fallback-list.ts';
import { listWithNew, type ListPolicy } from '#bootloader/list-policy.ts';
import { writeDeployments, type WriteOptions, type WriteResult } from '#bootloader/write-entries.ts';

export interface NextBootOptions extends ListPolicy, WriteOptions {
  /** Leave objects that nothing refers to any more, e.g. because the caller prunes later. */
  readonly noPrune?: boolean;
}

export interface NewBootOptions extends NextBootOptions {
  readonly new: NewDeployment;
  /** The deployment its /etc came from. */
  readonly merge: Deployment | null;
}

export interface NextBootResult extends WriteResult {
  /** Directories of deployments that went, relative to the sysroot. */
  readonly removed: readonly string[];
}

/**
 * Puts a new deployment into the list, as the policy says, and makes it boot next. On return it is durable, and what
 * the list no longer names is gone; where it fails, the new deployment is.
 */
export function bootNext(sysroot: Sysroot, options: NewBootOptions): NextBootResult {
  const { deployments, booted } = sysroot;
  return orCleanUp(sysroot, () => {
    const list = listWithNew(options.new, { deployments, booted, merge: options.merge }, options);
    return bootList(sysroot, withFallback(sysroot, list, options.new), options);
  });
}

/** Makes exactly these deployments, in this order, the list. */
export function bootList(
  sysroot: Sysroot,
  list: readonly Deployment[],
  options: NextBootOptions = {},
): NextBootResult {
  const written = writeDeployments(sysroot, list, options);
  const { removed, mayPrune } = cleanUpSysroot(written.sysroot);
  // A prune reads every dirtree: it is left out where every commit that went is still named by a ref.
  if (mayPrune && options.noPrune !== true) pruneUnreferenced(written.sysroot);
  return { ...written, removed };
}

/** Removes the objects that no ref and no deployment needs. */
export function pruneUnreferenced({ repo, deployments }: Sysroot): void {
  prune(repo, { refsOnly: true, depth: 0, roots: deployments.map(({ checksum }) => checksum) });
}

/**
 * ostree's words for what happened (it says 'Bootloader updated' exactly where no boot loader has a file of its own), and
 * the remarks, a line each.
 */
export function describeSwap({ swap, bootloader, sysroot, countChange, remarks }: WriteResult): string {
  const what = bootloader === 'none' ? 'Bootloader updated' : 'Transaction complete';
  const isSwap = swap === 'entries' ? 'yes' : 'no';
  const versions = `boot.${sysroot.bootversion}.${sysroot.subbootversion}`;
  const done = `${what}; bootconfig swap: ${isSwap}; bootversion: ${versions}, deployment count change: ${countChange}`;
  return [done, ...remarks].join('\n');
}
