/** The decision for a soft reboot: systemd leaves the running kernel and goes on in the root at `/run/nextroot`. */
import { bootedRecord, type BootedImage } from '#prepare-root/booted.ts';
import type { RootConfig } from '#prepare-root/config.ts';
import { IMAGE } from '#prepare-root/facts.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';
import { etcSteps, imageRootSteps, PRIVATE, runDirectories } from '#prepare-root/root-steps.ts';
import { UserError } from '#ostree/format/errors.ts';

/** Where systemd looks for the next root. */
export const NEXT_ROOT = '/run/nextroot';
/** How it will have been booted: `ostree admin boot-complete` renames it to `/run/ostree-booted` then. */
export const NEXT_BOOTED_PATH = '/run/ostree/nextroot-booted';
/** The physical root in the running system. */
export const PHYSICAL = '/sysroot';

export interface SoftRebootFacts {
  /** The full path of the deployment, below `/sysroot`. */
  readonly deployment: string;
  /** st_dev and st_ino of its directory. */
  readonly device: number;
  readonly inode: number;
  /** Of the deployment, and the kernel command line. */
  readonly config: RootConfig;
  /** As in `BootFacts`. */
  readonly imageDigest: Uint8Array | null;
  readonly bootOnRoot: boolean;
  readonly prepared: PreparedSoftReboot;
  /** Of folders in memory: different at every run. */
  readonly uniqueSuffix: string;
}

/** What is there of one that was prepared before, or in part. */
export interface PreparedSoftReboot {
  readonly isMounted: boolean;
  readonly isRecorded: boolean;
}

/** In the order of ostree 2026.4. @throws UserError BAD_BOOT_CONFIG for a deployment without composefs */
export function planSoftReboot(facts: SoftRebootFacts): readonly MountOp[] {
  const { deployment, config, uniqueSuffix } = facts;
  if (config.composefs !== 'yes')
    throw new UserError('BAD_BOOT_CONFIG', 'soft reboot not supported without composefs', {
      hint: 'the deployment must have [composefs] enabled=yes (or more) in its prepare-root.conf',
    });
  const transientEtc = config.etcTransient ? `/run/ostree/transient-etc.${uniqueSuffix}` : null;
  return [
    ...planSoftRebootReset(facts.prepared),
    ...runDirectories(),
    { op: 'make-directory', path: NEXT_ROOT, mode: 0o755 },
    // What the next root stands on is not to be this mount, which systemd unmounts on the way.
    { op: 'bind', from: PHYSICAL, to: PHYSICAL },
    ...imageRootSteps({
      ...{ image: `${deployment}/${IMAGE}`, digest: facts.imageDigest },
      ...{ objects: `${PHYSICAL}/ostree/repo/objects`, config },
      ...{ to: NEXT_ROOT, changes: `${PRIVATE}/root.${uniqueSuffix}` },
    }),
    ...(facts.bootOnRoot
      ? [{ op: 'bind', from: `${PHYSICAL}/boot`, to: `${NEXT_ROOT}/boot` } satisfies MountOp]
      : []),
    ...etcSteps({ deployment, transient: transientEtc, root: NEXT_ROOT }),
    { op: 'unmount', path: PHYSICAL, restore: PHYSICAL },
    { op: 'clone', from: PHYSICAL, to: `${NEXT_ROOT}/sysroot`, readonly: true },
    { op: 'write', path: NEXT_BOOTED_PATH, data: record(facts, transientEtc), mode: 0o644 },
  ];
}

/** Takes back what was prepared; what is in memory for it stays until shutdown. Nothing to do: no steps. */
export function planSoftRebootReset({ isMounted, isRecorded }: PreparedSoftReboot): readonly MountOp[] {
  return [
    ...(isRecorded ? [{ op: 'remove-file', path: NEXT_BOOTED_PATH } satisfies MountOp] : []),
    ...(isMounted ? [{ op: 'unmount', path: NEXT_ROOT, restore: null } satisfies MountOp] : []),
  ];
}

function record({ device, inode, config }: SoftRebootFacts, transientEtc: string | null): Uint8Array {
  const { rootTransient, verity, signed, keyFile } = config;
  const composefs: BootedImage = { verity, signedBy: signed ? keyFile : null };
  return bootedRecord(
    { device, inode, rootTransient, composefs, sysrootReadonly: true, transientEtc },
    'etc first',
  );
}
