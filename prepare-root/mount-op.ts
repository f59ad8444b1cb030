/** One step of preparing a root: data, in the order of execution. Paths are absolute unless said otherwise. */
export type MountOp =
  | { readonly op: 'say'; readonly text: string }
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
  /** Of the mount, not of the file system behind it. */
  | { readonly op: 'remount'; readonly path: string; readonly readonly: boolean }
  | ({ readonly op: 'overlay'; readonly to: string; readonly readonly: boolean } & OverlayLayers)
  | { readonly op: 'move'; readonly from: string; readonly to: string }
  /** Lazily, with all that is mounted below. `restore`: where the same file system is still to be seen, to undo it. */
  | { readonly op: 'unmount'; readonly path: string; readonly restore: string | null }
  | { readonly op: 'change-directory'; readonly path: string }
  /** Replaces the file at once (temporary name, rename). */
  | { readonly op: 'write'; readonly path: string; readonly data: Uint8Array; readonly mode: number }
  | { readonly op: 'remove-file'; readonly path: string }
  | { readonly op: 'pivot'; readonly putOld: string }
  | { readonly op: 'exec'; readonly path: string; readonly environment: readonly string[] };

export type Propagation = 'private' | 'slave' | 'shared';

export interface OverlayLayers {
  readonly lower: string;
  /** This and `work` may be relative to the working directory. */
  readonly upper: string;
  readonly work: string;
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
    case 'remount':
      return `remount ${op.path} ${op.readonly ? 'read-only' : 'writable'}`;
    case 'overlay':
      return `mount overlay on ${op.to} (${overlayOptions(op)})${op.readonly ? ' read-only' : ''}`;
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

/** What takes back a step that was done; null where nothing need be. */
export function undoOf(op: MountOp): MountOp | null {
  switch (op.op) {
    case 'make-directory':
      return { op: 'remove-directory', path: op.path };
    case 'bind':
    case 'overlay':
      return { op: 'unmount', path: op.to, restore: null };
    case 'move':
      return { op: 'move', from: op.to, to: op.from };
    case 'unmount':
      return op.restore === null ? null : { op: 'bind', from: op.restore, to: op.path };
    case 'change-directory':
      return { op: 'change-directory', path: '/' };
    case 'write':
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
