/** `kargs`: the same tree with other kernel arguments, as a new deployment. */
import { UserError } from '#ostree/format/errors.ts';
import {
  appendKernelArgs,
  appendMissingKernelArgs,
  deleteKernelArg,
  deleteKernelArgIfPresent,
  kernelArgKey,
  requireKernelArgEdit,
  withoutKernelArg,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import type { Deployment } from '#ostree/sysroot/deployment.ts';
import { copiedOrigin } from '#ostree/sysroot/origin.ts';
import type { Sysroot } from '#ostree/sysroot/sysroot.ts';
import { deployNext } from '#layering/deploy-change.ts';
import { shellWord } from '#layering/shell-word.ts';
import { withSystem, type SystemChoice } from '#layering/system.ts';

/** Done in this order. */
export interface KernelArgsEdit {
  readonly delete: readonly string[];
  /** `KEY=NEW` where the key has one value, else `KEY=OLD=NEW`. */
  readonly replace: readonly string[];
  readonly append: readonly string[];
  readonly appendIfMissing: readonly string[];
  readonly deleteIfPresent: readonly string[];
}

/** Pure. @throws UserError NO_KARG for what cannot be deleted or replaced, USAGE for what is not to be changed */
export function editKernelArgs(args: KernelArgs, edit: KernelArgsEdit): KernelArgs {
  const lists = [edit.delete, edit.replace, edit.append, edit.appendIfMissing, edit.deleteIfPresent];
  lists.flat().forEach(requireKernelArgEdit);
  const shorter = edit.delete.reduce(deleteKernelArg, args);
  const replaced = edit.replace.reduce(replaceValue, shorter);
  const longer = appendMissingKernelArgs(appendKernelArgs(replaced, edit.append), edit.appendIfMissing);
  return edit.deleteIfPresent.reduce(deleteKernelArgIfPresent, longer);
}

export interface KernelArgsWish {
  /** Position in the list of deployments; null: the one that boots next. */
  readonly index: number | null;
  readonly change: (present: KernelArgs) => KernelArgs | Promise<KernelArgs>;
}

/**
 * Deploys the tree of a deployment again with changed arguments; the old one stays until the boot entries are renamed.
 * @returns the arguments, and whether they are new
 */
export function changeKernelArgs(
  choice: SystemChoice,
  { index, change }: KernelArgsWish,
): Promise<{ readonly args: KernelArgs; readonly isChanged: boolean }> {
  return withSystem(choice, async (system) => {
    const target = index === null ? system.from : deploymentAt(system.sysroot, index, system.stateroot);
    const present = settableArgs(target);
    const args = await change(present);
    if (args.join(' ') === present.join(' ')) return { args, isChanged: false };
    const origin = copiedOrigin(target.origin);
    deployNext(system, { checksum: target.checksum, origin, kargs: args });
    return { args, isChanged: true };
  });
}

/** The arguments without the one that names the deployment, which is not to be changed. */
export function settableArgs({ kargs }: Deployment): KernelArgs {
  return withoutKernelArg(kargs, 'ostree');
}

/** @param stateroot that it has to be of; null: any. @throws UserError USAGE */
export function deploymentAt(sysroot: Sysroot, index: number, stateroot: string | null): Deployment {
  const found = sysroot.deployments[index];
  if (found !== undefined && stateroot !== null && found.stateroot !== stateroot)
    throw new UserError(
      'USAGE',
      `deployment ${index} is of the stateroot '${found.stateroot}', not of '${stateroot}'`,
      { hint: `--os ${shellWord(found.stateroot)} says that it is meant` },
    );
  if (found !== undefined) return found;
  throw new UserError('USAGE', `there is no deployment ${index}: they are numbered from 0 on`, {
    hint: "'yum-ostree status' lists them in this order",
  });
}

function replaceValue(args: KernelArgs, token: string): KernelArgs {
  const key = kernelArgKey(token);
  const [old, ...rest] = token.slice(key.length + 1).split('=');
  const isOfKey = (one: string): boolean => kernelArgKey(one) === key;
  const present = args.filter(isOfKey);
  if (present.length === 0) throw noArgument(`no kernel argument '${key}' is set`);
  if (rest.length > 0) {
    if (!present.includes(`${key}=${old ?? ''}`))
      throw noArgument(`no kernel argument '${key}=${old ?? ''}' is set`);
    return args.toSpliced(args.indexOf(`${key}=${old ?? ''}`), 1, `${key}=${rest.join('=')}`);
  }
  if (present.length > 1)
    throw noArgument(`'${key}' has several values: ${present.join(' ')}`, `name one: ${key}=OLD=NEW`);
  return args.toSpliced(args.findIndex(isOfKey), 1, token);
}

function noArgument(message: string, hint = "'yum-ostree kargs' shows those that are set"): UserError {
  return new UserError('NO_KARG', message, { hint });
}
