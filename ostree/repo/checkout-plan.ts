/** The packed plan that `BatchCalls.populate` works off. */
import type { Xattr } from '#native/syscalls.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { PackWriter } from '#ostree/repo/packed.ts';
import { packXattrs } from '#ostree/repo/store-plan.ts';

const OP = { link: 0, copy: 1, symlink: 2, clone: 3, remove: 4, empty: 5, device: 6 } as const;
const TOP = 0xffffffff;

export interface CopySource {
  readonly meta: FileMeta;
  /** Bytes to skip in the object, and whether what follows is raw deflate. */
  readonly offset: number;
  readonly inflate: boolean;
  /** Bytes of content. */
  readonly size: number;
}

/**
 * Builds: u32 number of metas, each u32 mode, u32 uid, u32 gid, u32+bytes xattrs; then directories (parents first):
 * u32 parent (0xffffffff for the target), u32 meta, u16+bytes name ('' is the target itself), u32+bytes files. A file:
 * u8 op, u16+bytes name, then for link and clone 32 bytes digest; for copy 32 bytes digest, u32 mode, uid, gid, u32+bytes
 * xattrs, u32 offset, u8 inflate, f64 size; for symlink u16+bytes target, u32 uid, gid, u32+bytes xattrs; for device
 * u32 mode, uid, gid, u32+bytes xattrs; for remove and empty nothing.
 */
export class CheckoutPlan {
  private readonly metas = new PackWriter();
  private metaCount = 0;
  private readonly directories = new PackWriter(1 << 16);
  private directoryCount = 0;
  private filesAt = 0;

  /** @returns the meta's number for `directory` */
  addMeta(meta: FileMeta): number {
    this.metas.u32(meta.mode).u32(meta.uid).u32(meta.gid);
    packXattrs(this.metas, meta.xattrs);
    return this.metaCount++;
  }

  /** Starts a directory; the files added next are its. @returns its number, for `parent` */
  directory(parent: number | null, meta: number, name: Uint8Array): number {
    this.directories
      .u32(parent ?? TOP)
      .u32(meta)
      .bytes16(name);
    this.filesAt = this.directories.length;
    this.directories.u32(0);
    return this.directoryCount++;
  }

  /** The object's inode under another name; a copy of it where it is empty or cannot be linked. */
  link(name: Uint8Array, digest: Uint8Array): void {
    this.file(OP.link, name).raw(digest);
    this.endFile();
  }

  /** A copy of the object's inode, attributes included. */
  clone(name: Uint8Array, digest: Uint8Array): void {
    this.file(OP.clone, name).raw(digest);
    this.endFile();
  }

  copy(name: Uint8Array, digest: Uint8Array, source: CopySource): void {
    const out = this.file(OP.copy, name).raw(digest);
    out.u32(source.meta.mode);
    packOwner(out, source.meta);
    out
      .u32(source.offset)
      .u8(source.inflate ? 1 : 0)
      .f64(source.size);
    this.endFile();
  }

  symlink(name: Uint8Array, target: string, meta: FileMeta): void {
    packOwner(this.file(OP.symlink, name).bytes16(utf8Bytes(target)), meta);
    this.endFile();
  }

  /** An overlay whiteout: character device 0:0. */
  device(name: Uint8Array, meta: FileMeta): void {
    packOwner(this.file(OP.device, name).u32(meta.mode), meta);
    this.endFile();
  }

  /** Removes what has that name. */
  remove(name: Uint8Array): void {
    this.file(OP.remove, name);
    this.endFile();
  }

  /** Removes all that the directory holds so far. */
  empty(): void {
    this.file(OP.empty, new Uint8Array(0));
    this.endFile();
  }

  finish(): Uint8Array {
    const metas = this.metas.finish();
    const directories = this.directories.finish();
    return new PackWriter(4 + metas.length + directories.length)
      .u32(this.metaCount)
      .raw(metas)
      .raw(directories)
      .finish();
  }

  private file(op: number, name: Uint8Array): PackWriter {
    return this.directories.u8(op).bytes16(name);
  }

  private endFile(): void {
    this.directories.patchU32(this.filesAt, this.directories.length - this.filesAt - 4);
  }
}

function packOwner(
  out: PackWriter,
  meta: { readonly uid: number; readonly gid: number; readonly xattrs: readonly Xattr[] },
): void {
  out.u32(meta.uid).u32(meta.gid);
  packXattrs(out, meta.xattrs);
}
