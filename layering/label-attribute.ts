/** The extended attribute that holds a file's SELinux label. Pure. */
import { S } from '#native/syscalls.ts';
import type { FileMeta, XattrEntry } from '#ostree/format/file-meta.ts';

export const LABEL = 'security.selinux';

/** null where there is none. The kernel keeps a label with a NUL byte at its end. */
export function labelText(xattrs: readonly XattrEntry[]): string | null {
  const value = xattrs.find(({ name }) => name === LABEL)?.value;
  if (value === undefined || value.length === 0) return null;
  return Buffer.from(value).toString('latin1').replace(/\0$/, '');
}

/** The same with another label, or with none. */
export function withLabel({ uid, gid, mode, xattrs }: FileMeta, label: string | null): FileMeta {
  const kept = xattrs.filter(({ name }) => name !== LABEL);
  const added: XattrEntry[] =
    label === null ? [] : [{ name: LABEL, value: new Uint8Array(Buffer.from(`${label}\0`)) }];
  return { uid, gid, mode, xattrs: [...kept, ...added] };
}

/** What the label of a path depends on: the kind of file, as `file_contexts` has it, and the path. */
export function labelKey({ path, mode }: { readonly path: string; readonly mode: number }): string {
  const kind = mode & S.IFMT;
  const letter = kind === S.IFDIR ? 'd' : kind === S.IFLNK ? 'l' : '-';
  return `${letter} ${path}`;
}
