/** Which deployment boots next, and with which kernel arguments: `set-default`, `rollback`, `kargs`. */
import type { VerbArguments } from '#board/arguments.ts';
import { changingSysroot, readingSysroot, type BoardContext } from '#board/context.ts';
import { grubMkconfig } from '#bootloader/grub-mkconfig.ts';
import { bootList, describeSwap } from '#bootloader/next-boot.ts';
import { requireRollback } from '#bootloader/rollback.ts';
import { UserError } from '#ostree/format/errors.ts';
import {
  appendKernelArgs,
  appendMissingKernelArgs,
  deleteKernelArg,
  deleteKernelArgIfPresent,
  formatKernelArgs,
  replaceKernelArg,
  requireKernelArgEdit,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import { pruneByDirectory } from '#ostree/repo/prune-by-directory.ts';
import { deploymentName, userKernelArgs, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';

export function setDefault(context: BoardContext, { operands }: VerbArguments): string {
  const [index] = operands;
  if (index === undefined) throw new UserError('USAGE', 'which deployment? set-default INDEX');
  return changingSysroot(context, (sysroot) => {
    const target = deploymentAt(sysroot, index);
    return bootFirst(context, sysroot, target);
  });
}

/** @throws UserError NO_ROLLBACK */
export function rollback(context: BoardContext): string {
  return changingSysroot(context, (sysroot) => {
    const target = requireRollback(sysroot, 'yum-ostree-boot');
    return `${bootFirst(context, sysroot, target)}${deploymentName(target)} boots next\n`;
  });
}

/** What each option does to the arguments, in the order in which they are applied. */
const EDITS: readonly (readonly [string, (args: KernelArgs, token: string) => KernelArgs])[] = [
  ['--replace', replaceKernelArg],
  ['--delete', deleteKernelArg],
  ['--delete-if-present', deleteKernelArgIfPresent],
  ['--append', (args, token) => appendKernelArgs(args, [token])],
  ['--append-if-missing', (args, token) => appendMissingKernelArgs(args, [token])],
];
export const KARGS_OPTIONS = [...EDITS.map(([name]) => name), '--deployment'];

/** Without a change they are printed. With one the deployment keeps its place in the menu. */
export function kargs(context: BoardContext, { values }: VerbArguments): string {
  const index = values.get('--deployment')?.at(-1) ?? '0';
  const edits = EDITS.flatMap(([name, edit]) =>
    (values.get(name) ?? []).map((token) => {
      requireKernelArgEdit(token);
      return (args: KernelArgs) => edit(args, token);
    }),
  );
  if (edits.length === 0)
    return readingSysroot(
      context,
      (sysroot) => `${formatKernelArgs(userKernelArgs(deploymentAt(sysroot, index)))}\n`,
    );
  return changingSysroot(context, (sysroot) => {
    const target = deploymentAt(sysroot, index);
    const changed = edits.reduce((args, edit) => edit(args), target.kargs);
    // A changed entry is a new one for boot counting.
    const list = sysroot.deployments.map((one) =>
      one === target ? { ...one, kargs: changed, tries: null } : one,
    );
    return writeList(context, sysroot, list);
  });
}

function bootFirst(context: BoardContext, sysroot: Sysroot, target: Deployment): string {
  return writeList(context, sysroot, [target, ...sysroot.deployments.filter((one) => one !== target)]);
}

function writeList(context: BoardContext, sysroot: Sysroot, list: readonly Deployment[]): string {
  const result = bootList(sysroot, list, { generateGrub: grubMkconfig(context, sysroot), noPrune: true });
  if (result.removed.length > 0)
    pruneByDirectory(
      sysroot.repo,
      list.map(({ checksum }) => checksum),
    );
  return result.swap === 'none' ? '' : `${describeSwap(result)}\n`;
}

/** The deployment at a position that the user typed. @throws UserError USAGE */
function deploymentAt({ deployments }: Sysroot, text: string): Deployment {
  const index = text.trim() === '' ? NaN : Number(text);
  const found = Number.isInteger(index) && index >= 0 ? deployments[index] : undefined;
  if (found !== undefined) return found;
  throw new UserError('USAGE', `there is no deployment ${text}`, {
    hint:
      deployments.length === 0
        ? 'nothing is deployed there'
        : `they are numbered from 0 to ${deployments.length - 1}; 'yum-ostree-boot status' lists them`,
  });
}
