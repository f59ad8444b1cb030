/** What `BatchCalls.storeFiles` is asked to do, and how each repository mode stores a file. */
import { encodeOwnedMeta } from '#ostree/format/dirmeta.ts';
import { archiveHeader, contentHashPrefix, type ContentMeta } from '#ostree/format/file-header.ts';
import type { XattrEntry } from '#ostree/format/file-meta.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { PackWriter } from '#ostree/repo/packed.ts';
import type { RepoMode } from '#ostree/repo/repo.ts';
import { S } from '#native/syscalls.ts';

/**
 * Where a file's content comes from: a path below the call's source directory, bytes, nowhere (symlinks), or a file of
 * the staging directory, which becomes the object itself.
 */
export type ContentSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'staged'; readonly path: string; readonly size: number }
  | { readonly kind: 'path'; readonly path: string; readonly size: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** How a file lies in the repository. */
interface Stored {
  readonly symlinkTarget: string | null;
  /** Written before the content. */
  readonly head: Uint8Array;
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly xattrs: readonly XattrEntry[];
  /** Whether the file's time is set to 0: those that checkouts link to. */
  readonly epoch: boolean;
}

const NOTHING = new Uint8Array(0);
const FLAG = { owner: 1, epoch: 2 } as const;
const SOURCE = { none: 0, path: 1, bytes: 2, staged: 3 } as const;

/**
 * Appends one file. A record: u8 source (0 none, 1 path, 2 bytes, 3 staged), u8 kind (0 regular, 1 symlink with `head` as its
 * target), u8 flags (1 chown, 2 set the time 0), u32 mode, u32 uid, u32 gid, u32+bytes hash prefix, u32+bytes head, u32+bytes xattrs,
 * f64 size, then u16+bytes path or u32+bytes content.
 */
export function packStore(
  plan: PackWriter,
  mode: RepoMode,
  file: { readonly meta: ContentMeta; readonly source: ContentSource },
): void {
  const { meta, source } = file;
  const size = sizeOf(source);
  packRecord(plan, { prefix: contentHashPrefix(meta), stored: storedAs(mode, meta, size), source, size });
}

/** Bytes of content. */
export function sizeOf(source: ContentSource): number {
  if (source.kind === 'none') return 0;
  return source.kind === 'bytes' ? source.bytes.length : source.size;
}

/** Appends a metadata object: plain bytes, mode 0644. */
export function packMetadata(plan: PackWriter, bytes: Uint8Array): void {
  const stored = { symlinkTarget: null, head: NOTHING, mode: 0o644, owner: null, xattrs: [], epoch: false };
  packRecord(plan, { prefix: NOTHING, stored, source: { kind: 'bytes', bytes }, size: bytes.length });
}

function packRecord(
  plan: PackWriter,
  record: {
    readonly prefix: Uint8Array;
    readonly stored: Stored;
    readonly source: ContentSource;
    readonly size: number;
  },
): void {
  const { prefix, stored, source, size } = record;
  plan.u8(SOURCE[source.kind]).u8(stored.symlinkTarget === null ? 0 : 1);
  plan.u8((stored.owner === null ? 0 : FLAG.owner) | (stored.epoch ? FLAG.epoch : 0));
  plan
    .u32(stored.mode)
    .u32(stored.owner?.uid ?? 0)
    .u32(stored.owner?.gid ?? 0);
  plan.bytes32(prefix);
  plan.bytes32(stored.symlinkTarget === null ? stored.head : utf8Bytes(stored.symlinkTarget));
  packXattrs(plan, stored.xattrs);
  plan.f64(size);
  if (source.kind === 'path' || source.kind === 'staged') plan.text16(source.path);
  if (source.kind === 'bytes') plan.bytes32(source.bytes);
}

/** u32 length, then for each attribute u16+bytes name and u32+bytes value. */
export function packXattrs(plan: PackWriter, xattrs: readonly XattrEntry[]): void {
  const at = plan.length;
  plan.u32(0);
  for (const { name, value } of xattrs) plan.text16(name).bytes32(value);
  plan.patchU32(at, plan.length - at - 4);
}

/** The form a file takes in a repository of that mode (bare-user keeps mode bits that its owner can work with). */
function storedAs(mode: RepoMode, meta: ContentMeta, size: number): Stored {
  const isSymlink = (meta.mode & S.IFMT) === S.IFLNK;
  const symlinkTarget = isSymlink ? meta.target : null;
  const owner = { uid: meta.uid, gid: meta.gid };
  switch (mode) {
    case 'bare':
      return {
        symlinkTarget,
        head: NOTHING,
        mode: meta.mode & 0o7777,
        owner,
        xattrs: meta.xattrs,
        epoch: true,
      };
    case 'bare-user': {
      const xattrs = [{ name: 'user.ostreemeta', value: encodeOwnedMeta(meta) }];
      const head = isSymlink ? utf8Bytes(meta.target + '\0') : NOTHING;
      const bits = isSymlink ? 0o644 : (meta.mode & 0o775) | 0o400;
      return { symlinkTarget: null, head, mode: bits, owner: null, xattrs, epoch: true };
    }
    case 'bare-user-only':
      return { symlinkTarget, head: NOTHING, mode: meta.mode & 0o777, owner: null, xattrs: [], epoch: true };
    case 'archive':
      return {
        symlinkTarget: null,
        head: archiveHeader(meta, size),
        mode: 0o644,
        owner: null,
        xattrs: [],
        epoch: false,
      };
    default:
      return mode satisfies never;
  }
}
