/** One deployment of a sysroot, and what can be said of it without looking at the disk again. */
import type { BlsEntry, BootTries } from '#ostree/format/bls.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import type { KernelArgs } from '#ostree/format/kernel-args.ts';
import { withoutKernelArg } from '#ostree/format/kernel-args.ts';
import { keyFileBoolean, keyFileString, type KeyFile } from '#ostree/format/keyfile.ts';

export interface Deployment {
  readonly stateroot: string;
  readonly checksum: Checksum;
  /** Tells deployments of the same commit apart: the N of `CSUM.N`. */
  readonly deployserial: number;
  /** SHA-256 of the kernel, the initramfs and the device tree. */
  readonly bootcsum: Checksum;
  /** Tells deployments of the same kernel apart: the last component of the boot link; -1 before it has one. */
  readonly bootserial: number;
  /** Position in the list, 0 boots by default; -1 before it is in the list. */
  readonly index: number;
  /** Null where there is no origin file. */
  readonly origin: KeyFile | null;
  /** The kernel arguments with `ostree=`, as in the boot entry. */
  readonly kargs: KernelArgs;
  /** The boot entry it was loaded from; empty for a new one. */
  readonly bls: BlsEntry;
  readonly tries: BootTries | null;
  /** Of a new one: initrds to load after that of its tree, which lie in `STAGED_INITRDS` by their checksums. */
  readonly addedInitrds?: readonly Checksum[];
  readonly isStaged: boolean;
  /** Staged, and not to be finished at shutdown before that is taken back. */
  readonly isLocked?: boolean;
  readonly isBooted: boolean;
  readonly isPinned: boolean;
}

/** Of overlay initrds, relative to /boot. They are named by their checksums, so that deployments share them. */
export const INITRD_OVERLAYS = 'ostree/initramfs-overlays';

/** Where overlay initrds wait for their deployment's boot entry. */
export const STAGED_INITRDS = '/run/ostree/staged-initrds';

/** A deployment that `deployTree` made and that is not in the list yet. */
export type NewDeployment = Deployment;

/** `CSUM.N` */
export function deploymentName(deployment: Pick<Deployment, 'checksum' | 'deployserial'>): string {
  return `${deployment.checksum}.${deployment.deployserial}`;
}

/** The deployment's directory, relative to the sysroot. */
export function deploymentPath(
  deployment: Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>,
): string {
  return `ostree/deploy/${deployment.stateroot}/deploy/${deploymentName(deployment)}`;
}

export function originPath(deployment: Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>): string {
  return `${deploymentPath(deployment)}.origin`;
}

export function isSameDeployment(a: Deployment, b: Deployment): boolean {
  return a.stateroot === b.stateroot && a.checksum === b.checksum && a.deployserial === b.deployserial;
}

/** The kernel arguments that are the user's: all but `ostree=`. */
export function userKernelArgs(deployment: Deployment): KernelArgs {
  return withoutKernelArg(deployment.kargs, 'ostree');
}

/** The ref that the deployment follows; null where its origin names none. */
export function originRefspec(deployment: Deployment): string | null {
  if (deployment.origin === null) return null;
  return (
    keyFileString(deployment.origin, 'origin', 'refspec') ??
    keyFileString(deployment.origin, 'origin', 'baserefspec')
  );
}

export function isPinnedOrigin(origin: KeyFile | null): boolean {
  return origin !== null && (keyFileBoolean(origin, 'libostree-transient', 'pinned') ?? false);
}

/** The part of `CSUM.N`; null where `name` is not a deployment's. */
export function parseDeploymentName(name: string): { checksum: Checksum; deployserial: number } | null {
  const dot = name.indexOf('.');
  const [checksum, serial] = [name.slice(0, dot), name.slice(dot + 1)];
  if (!isChecksum(checksum) || !isSerial(serial)) return null;
  return { checksum, deployserial: Number(serial) };
}

/** Whether `text` is a number as ostree writes serials. */
export function isSerial(text: string): boolean {
  return text !== '' && text.length < 10 && [...text].every((c) => c >= '0' && c <= '9');
}
