/** What has to run for the kernel of a composed tree, once all files and scripts are done. */
import { UserError } from '#ostree/format/errors.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';
import { modulesDirectory, settleKernel, touchesKernel, touchesModules } from '#layering/kernel-tree.ts';

export interface KernelWork {
  readonly version: string;
  /** Path of depmod; null where nothing is to be indexed. */
  readonly depmod: string | null;
  readonly dracut: DracutRun | null;
}

export interface DracutRun {
  readonly program: string;
  /** All but the image's path. */
  readonly args: readonly string[];
  /** Host path of what is seen as /etc; null for that of the tree. */
  readonly etc: string | null;
}

/** What is asked of the initramfs, and what the base says of its own. */
export interface KernelRequest {
  readonly regenerate: boolean;
  /** Further arguments of dracut. */
  readonly args: readonly string[];
  /** Host path of the machine's /etc. */
  readonly etc: string;
  /** Arguments of dracut that the base's initramfs was made with. */
  readonly baseArgs: readonly string[];
}

export interface KernelOutcome {
  readonly work: KernelWork | null;
  /** Of a kernel that the base has not. */
  readonly newVersion: string | null;
  readonly warnings: readonly string[];
}

const NOTHING: KernelOutcome = { work: null, newVersion: null, warnings: [] };
const DEPMOD = ['usr/sbin/depmod', 'usr/bin/depmod'];
const DRACUT = ['usr/bin/dracut', 'usr/sbin/dracut'];
const OSTREE_MODULES = ['50ostree', '98ostree'].map((name) => `usr/lib/dracut/modules.d/${name}`);

/**
 * Settles the tree's kernel and decides what has to run for it. A tree whose kernel is the base's keeps the base's
 * initramfs, unless another is asked for.
 * @throws UserError NO_DRACUT, SEVERAL_KERNELS, NO_KERNEL
 */
export function kernelWork(
  tree: MutableTree,
  {
    base,
    changed,
    request,
  }: { readonly base: MutableTree; readonly changed: readonly string[]; readonly request: KernelRequest },
): KernelOutcome {
  if (!request.regenerate && !touchesKernel(changed)) return NOTHING;
  const settled = settleKernel(tree, base, request.regenerate);
  const { kernel, isNew } = settled;
  if (kernel === null) {
    if (request.regenerate) throw noKernelToServe();
    return NOTHING;
  }
  const needsInitramfs =
    request.regenerate || (isNew && settled.baseHasInitramfs && kernel.initramfs === null);
  const isIndexed = tree.get(`${modulesDirectory(kernel.version)}/modules.dep`) !== null;
  const needsIndex = isNew || touchesModules(changed, kernel.version) || (needsInitramfs && !isIndexed);
  const depmod = needsIndex ? programIn(tree, DEPMOD) : null;
  const dracut = needsInitramfs ? dracutRun(tree, kernel.version, request) : null;
  const warnings =
    needsIndex && depmod === null
      ? [
          `the tree has no depmod: modules of kernel ${kernel.version} are found only where a package indexes them`,
        ]
      : [];
  const newVersion = isNew ? kernel.version : null;
  const hasWork = depmod !== null || dracut !== null;
  return { work: hasWork ? { version: kernel.version, depmod, dracut } : null, newVersion, warnings };
}

/** Where dracut puts it: beside the kernel. */
export function initramfsPath(version: string): string {
  return `${modulesDirectory(version)}/initramfs.img`;
}

function dracutRun(tree: MutableTree, version: string, request: KernelRequest): DracutRun {
  const program = programIn(tree, DRACUT);
  if (program === null)
    throw new UserError(
      'NO_DRACUT',
      `the initramfs of kernel ${version} cannot be made: the tree has no dracut`,
      {
        hint: "'--install dracut' layers it in the same step",
      },
    );
  const ofBase = request.baseArgs.length > 0 ? request.baseArgs : ['--no-hostonly'];
  const hasOstree = OSTREE_MODULES.some((path) => tree.get(path)?.kind === 'directory');
  const args = [
    ...['--verbose', '--force', '--reproducible', '--tmpdir', '/var/tmp', '--kver', version],
    ...(hasOstree ? ['--add', 'ostree'] : []),
    ...ofBase,
    ...(request.regenerate ? request.args : []),
  ];
  return { program, args, etc: request.regenerate ? request.etc : null };
}

function programIn(tree: MutableTree, paths: readonly string[]): string | null {
  const found = paths.find((path) => tree.get(path)?.kind === 'file');
  return found === undefined ? null : `/${found}`;
}

function noKernelToServe(): UserError {
  return new UserError('NO_KERNEL', 'an initramfs cannot be made: the tree has no kernel in usr/lib/modules');
}
