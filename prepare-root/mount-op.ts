/** One step of preparing a root: data, in the order of execution. Paths are absolute unless said otherwise. */
export type MountOp =
  /** With `fields` it goes to the journal together with them, where there is one; else on standard output. */
  | { readonly op: 'say'; readonly text: string; readonly fields?: Readonly<Record<string, string>> }
  /** A directory that is there already is fine. */
  | { readonly op: 'make-directory'; readonly path: string; readonly mode: number }
  | { readonly op: 'remove-directory'; readonly path: string }
  | {
      readonly op: 'propagation';
      readonly path: string;
      readonly how: Propagation;
      readonly recursive: boolean;
    }
  | { readonly op: 'bind'; readonly from: string; readonly to: string }
  /** As `bind`, but read-only, where it is to be, before it can be seen. */
  | { readonly op: 'clone'; readonly from: string; readonly to: string; readonly readonly: boolean }
  /** Of the mount, not of the file system behind it. */
  | { readonly op: 'remount'; readonly path: string; readonly readonly: boolean }
  | ({ readonly op: 'overlay'; readonly to: string; readonly readonly: boolean } & OverlayLayers)
  | ({ readonly op: 'image' } & ImageMount)
  | ({ readonly op: 'composefs' } & ComposefsMount)
  /** An empty file system in memory. */
  | { readonly op: 'memory'; readonly to: string }
  | { readonly op: 'move'; readonly from: string; readonly to: string }
  /** Lazily, with all that is mounted below. `restore`: where the same file system is still to be seen, to undo it. */
  | { readonly op: 'unmount'; readonly path: string; readonly restore: string | null }
  | { readonly op: 'change-directory'; readonly path: string }
  /** Replaces the file at once (temporary name, rename). */
  | { readonly op: 'write'; readonly path: string; readonly data: Uint8Array; readonly mode: number }
  | { readonly op: 'remove-file'; readonly path: string }
  /** What is there already stays. */
  | { readonly op: 'symlink'; readonly target: string; readonly path: string }
  | { readonly op: 'pivot'; readonly putOld: string }
  | { readonly op: 'exec'; readonly path: string; readonly environment: readonly string[] };

export type Propagation = 'private' | 'slave' | 'shared';

export interface OverlayLayers {
  readonly lower: string;
  /** This and `work` may be relative to the working directory. */
  readonly upper: string;
  readonly work: string;
}

/** The EROFS image of a composefs: all names and modes of the tree, and for each file which object has its content. */
export interface ImageMount {
  readonly image: string;
  readonly to: string;
  /** The fs-verity digest that the image must have; null: any. */
  readonly digest: Uint8Array | null;
}

/** The image and the objects joined by an overlay. */
export interface ComposefsMount {
  readonly to: string;
  /** Where the image is mounted. */
  readonly lower: string;
  /** The folder of the repository's objects. */
  readonly objects: string;
  /** Every object must have the fs-verity digest that the image names. */
  readonly verity: boolean;
  /** Where changes go; null where there can be none. */
  readonly changes: Pick<OverlayLayers, 'upper' | 'work'> | null;
  readonly readonly: boolean;
}

/** The step in words, for `--print-plan` and for errors: 'bind /a on /b'. */
export function describeOp(op: MountOp): string {
  switch (op.op) {
    case 'say':
      return `print '${op.text}'`;
    case 'make-directory':
      return `make directory ${op.path} (${op.mode.toString(8).padStart(4, '0')})`;
    case 'remove-directory':
      return `remove directory ${op.path}`;
    case 'propagation':
      return `make ${op.path} ${op.recursive ? 'and all below ' : ''}${op.how}`;
    case 'bind':
      return `bind ${op.from} on ${op.to}`;
    case 'clone':
      return `mount a copy of ${op.from} on ${op.to}${op.readonly ? ' read-only' : ''}`;
    case 'remount':
      return `remount ${op.path} ${op.readonly ? 'read-only' : 'writable'}`;
    case 'overlay':
      return `mount overlay on ${op.to} (${overlayOptions(op)})${op.readonly ? ' read-only' : ''}`;
    case 'image':
      return `mount image ${op.image} on ${op.to}${op.digest === null ? '' : ' with the signed digest'}`;
    case 'composefs':
      return `mount composefs on ${op.to} (${composefsOptions(op).map(joined).join(',')})${op.readonly ? ' read-only' : ''}`;
    case 'memory':
      return `mount tmpfs on ${op.to}`;
    case 'move':
      return `move ${op.from} to ${op.to}`;
    case 'unmount':
      return `unmount ${op.path}`;
    case 'change-directory':
      return `enter ${op.path}`;
    case 'write':
      return `write ${op.path} (${op.data.length} bytes)`;
    case 'remove-file':
      return `remove ${op.path}`;
    case 'symlink':
      return `link ${op.path} to ${op.target}`;
    case 'pivot':
      return `make the working directory the root, with the old one at ${op.putOld}`;
    case 'exec':
      return `execute ${op.path}`;
    default:
      return op satisfies never;
  }
}

/** The data of mount(2) for an overlay. */
export function overlayOptions(layers: OverlayLayers): string {
  return `lowerdir=${layers.lower},upperdir=${layers.upper},workdir=${layers.work}`;
}

/** Keys and values of an overlay for fsconfig(2), Linux 6.8 and later. */
export function composefsOptions(op: ComposefsMount): readonly (readonly [string, string])[] {
  return [...layerOptions(op), ['lowerdir+', op.lower], ['datadir+', op.objects], ...changeOptions(op)];
}

/**
 * The same for mount(2). `separator` before the objects: '::' makes them data only (Linux 6.5), ':' an ordinary layer,
 * whose names the image hides.
 */
export function oldComposefsOptions(op: ComposefsMount, separator: '::' | ':'): string {
  const lower: readonly [string, string] = ['lowerdir', `${op.lower}${separator}${op.objects}`];
  return [...layerOptions(op), lower, ...changeOptions(op)].map(joined).join(',');
}

function layerOptions(op: ComposefsMount): readonly (readonly [string, string])[] {
  return [['metacopy', 'on'], ['redirect_dir', 'on'], ...(op.verity ? [['verity', 'require'] as const] : [])];
}

function changeOptions({ changes }: ComposefsMount): readonly (readonly [string, string])[] {
  return changes === null
    ? []
    : [
        ['upperdir', changes.upper],
        ['workdir', changes.work],
      ];
}

function joined([key, value]: readonly [string, string]): string {
  return `${key}=${value}`;
}

/** What takes back a step that was done; null where nothing need be. */
export function undoOf(op: MountOp): MountOp | null {
  switch (op.op) {
    case 'make-directory':
      return { op: 'remove-directory', path: op.path };
    case 'bind':
    case 'clone':
    case 'overlay':
    case 'image':
    case 'composefs':
    case 'memory':
      return { op: 'unmount', path: op.to, restore: null };
    case 'move':
      return { op: 'move', from: op.to, to: op.from };
    case 'unmount':
      return op.restore === null ? null : { op: 'bind', from: op.restore, to: op.path };
    case 'change-directory':
      return { op: 'change-directory', path: '/' };
    case 'write':
    case 'symlink':
      return { op: 'remove-file', path: op.path };
    case 'remove-directory':
      return { op: 'make-directory', path: op.path, mode: 0o755 };
    case 'say':
    case 'propagation':
    case 'remount':
    case 'remove-file':
    case 'pivot':
    case 'exec':
      return null;
    default:
      return op satisfies never;
  }
}
