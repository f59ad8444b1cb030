/** Steps that a boot and a soft reboot have in common. */
import type { RootConfig } from '#prepare-root/config.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';

/** Where the root's own files in memory are, out of sight of all but root. */
export const PRIVATE = '/run/ostree/.private';
/** Where the image is mounted until the overlay has it. */
export const IMAGE_MOUNT = `${PRIVATE}/cfsroot-lower`;

export function runDirectories(): MountOp[] {
  return [
    { op: 'make-directory', path: '/run/ostree', mode: 0o755 },
    { op: 'make-directory', path: PRIVATE, mode: 0 },
  ];
}

/** Paths are absolute. */
export interface ImageRoot {
  readonly image: string;
  /** As in `ImageMount`. */
  readonly digest: Uint8Array | null;
  /** The folder of the repository's objects. */
  readonly objects: string;
  readonly config: Pick<RootConfig, 'rootTransient' | 'verity'>;
  /** Where the root is mounted. */
  readonly to: string;
  /** The folder that has the changes of a transient root; its parent exists. */
  readonly changes: string;
}

/** The composefs image as a root. */
export function imageRootSteps({ image, digest, objects, config, to, changes }: ImageRoot): MountOp[] {
  const { rootTransient, verity } = config;
  const layers = { upper: `${changes}/upper`, work: `${changes}/work` };
  const directories: MountOp[] = [
    { op: 'make-directory', path: changes, mode: 0o755 },
    { op: 'make-directory', path: layers.upper, mode: 0o755 },
    { op: 'make-directory', path: layers.work, mode: 0o700 },
  ];
  const isTransient = rootTransient !== 'no';
  return [
    { op: 'make-directory', path: IMAGE_MOUNT, mode: 0o700 },
    ...(isTransient ? directories : []),
    { op: 'image', image, to: IMAGE_MOUNT, digest },
    {
      op: 'composefs',
      ...{ to, lower: IMAGE_MOUNT, objects, verity },
      changes: isTransient ? layers : null,
      readonly: rootTransient !== 'yes',
    },
    { op: 'unmount', path: IMAGE_MOUNT, restore: null },
    say(`composefs: mounted successfully (verity=${verity})`),
  ];
}

export interface Etc {
  readonly deployment: string;
  /** The folder for a transient `/etc`; null where it is kept. */
  readonly transient: string | null;
  /** Where the root is mounted. */
  readonly root: string;
}

/** `/etc` stays writable where the physical root will not be. */
export function etcSteps({ deployment, transient, root }: Etc): MountOp[] {
  const etc = `${root}/etc`;
  if (transient === null)
    return [
      { op: 'bind', from: `${deployment}/etc`, to: etc },
      { op: 'remount', path: etc, readonly: false },
    ];
  const upper = `${transient}/upper`;
  const work = `${transient}/work`;
  return [
    { op: 'make-directory', path: transient, mode: 0o700 },
    { op: 'make-directory', path: upper, mode: 0o755 },
    { op: 'make-directory', path: work, mode: 0o755 },
    { op: 'overlay', to: etc, lower: `${root}/usr/etc`, upper, work, readonly: false },
  ];
}

export function say(text: string): MountOp {
  return { op: 'say', text };
}
