/** What the boot side needs of `BatchCalls`, from single system calls: the compact engine has no threads. */
import type { BatchCalls, ReadFilesOptions } from '#native/batch.ts';
import type { Fd, Syscalls } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { PackReader, PackWriter } from '#ostree/repo/packed.ts';
import type { RepoCalls } from '#ostree/repo/repo.ts';

const ENOENT = 2;
const EIO = 5;
const NOTHING = new Uint8Array(0);

/** Adds the calls to `sys`. The others of `BatchCalls` make and check objects, which no verb of the boot side does. */
export function withBatchCalls(sys: Syscalls): RepoCalls {
  const calls: Pick<BatchCalls, 'readFiles' | 'removeTreeFast'> = {
    readFiles: (dir, paths, options) => readFiles(sys, { dir, paths, options }),
    removeTreeFast: (dir, path) => sys.removeTree(dir, path),
  };
  return Object.assign(sys, calls) as RepoCalls;
}

interface ReadFilesRequest {
  readonly dir: Fd;
  readonly paths: Uint8Array;
  readonly options: ReadFilesOptions;
}

function readFiles(sys: Syscalls, { dir, paths, options }: ReadFilesRequest): Uint8Array {
  const reader = new PackReader(paths);
  const out = new PackWriter();
  while (!reader.atEnd) pack(out, readOne(sys, dir, { path: reader.text16() ?? '', ...options }));
  return out.finish();
}

interface OneRead {
  readonly error: number;
  readonly size: number;
  readonly mode: number;
  readonly content: Uint8Array;
  readonly xattr: Uint8Array;
}

function pack(out: PackWriter, { error, size, mode, content, xattr }: OneRead): void {
  out.u32(error).f64(size).u32(mode).bytes32(content).bytes32(xattr);
}

function readOne(sys: Syscalls, dir: Fd, wanted: ReadFilesOptions & { readonly path: string }): OneRead {
  try {
    const fd = sys.open(dir, wanted.path, ['read', 'nofollow']);
    try {
      const { size, mode } = sys.fstat(fd);
      const content = wanted.limit === 0 ? NOTHING : readStart(sys, fd, Math.min(size, wanted.limit));
      const xattr = wanted.xattr === '' ? NOTHING : (sys.fgetXattr(fd, wanted.xattr) ?? NOTHING);
      return { error: 0, size, mode, content, xattr };
    } finally {
      sys.close(fd);
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    const number = codeOf(error) === 'ENOENT' ? ENOENT : EIO;
    return { error: number, size: 0, mode: 0, content: NOTHING, xattr: NOTHING };
  }
}

/** A file that shrinks meanwhile gives less. */
function readStart(sys: Syscalls, fd: Fd, size: number): Uint8Array {
  const first = sys.read(fd, size);
  if (first.length === size || first.length === 0) return first;
  const whole = new Uint8Array(size);
  whole.set(first);
  let length = first.length;
  while (length < size) {
    const part = sys.read(fd, size - length);
    if (part.length === 0) break;
    whole.set(part, length);
    length += part.length;
  }
  return whole.subarray(0, length);
}
