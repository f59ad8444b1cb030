/** Owners and capabilities of a package's files: what its header says, made real in the composed tree. */
import type { Checksum } from '#ostree/format/checksum.ts';
import type { FileMeta, XattrEntry } from '#ostree/format/file-meta.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Transaction } from '#ostree/repo/transaction.ts';
import { userId, type UserIds } from '#layering/users.ts';

/** What differs from a file that belongs to root and has no capabilities. */
export interface SpecialFile {
  readonly user: string;
  readonly group: string;
  /** The value of `security.capability`; null where the file has none. */
  readonly capability: Uint8Array | null;
}

export interface OwnerResolver {
  readonly file: (special: SpecialFile, whose: string, checksum: Checksum) => Checksum;
  readonly directory: (special: SpecialFile, whose: string, meta: Checksum) => FileMeta;
}

/** Makes the objects with their owners; each is made once for the same content and owner. */
export function ownerResolver(txn: Transaction, ids: () => UserIds): OwnerResolver {
  const known = new Map<string, Checksum>();
  const once = (key: string, make: () => Checksum): Checksum => {
    const made = known.get(key) ?? make();
    known.set(key, made);
    return made;
  };
  return {
    file: (special, whose, checksum) => {
      const owner = ownerOf(special, whose, ids());
      return once(keyOf(checksum, owner), () => withOwner(txn, checksum, owner));
    },
    directory: (special, whose, checksum) => {
      const { uid, gid } = ownerOf(special, whose, ids());
      return { ...loadDirmeta(txn.repo, checksum), uid, gid };
    },
  };
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly capability: Uint8Array | null;
}

function ownerOf(special: SpecialFile, whose: string, ids: UserIds): Owner {
  return {
    uid: userId(ids.users, special.user, whose),
    gid: userId(ids.groups, special.group, whose),
    capability: special.capability,
  };
}

function withOwner(txn: Transaction, checksum: Checksum, owner: Owner): Checksum {
  const content = loadContent(txn.repo, checksum);
  const xattrs = content.meta.xattrs.filter(({ name }) => name !== 'security.capability');
  if (owner.capability !== null) xattrs.push(capabilityEntry(owner.capability));
  const meta: FileMeta = { uid: owner.uid, gid: owner.gid, mode: content.meta.mode, xattrs };
  if (content.meta.target !== '') return txn.writeSymlink(meta, content.meta.target);
  const writer = txn.openFile(meta, content.size);
  try {
    for (const piece of content.pieces()) writer.write(piece);
    return writer.finish();
  } finally {
    writer.abort();
  }
}

function capabilityEntry(value: Uint8Array): XattrEntry {
  return { name: 'security.capability', value };
}

function keyOf(checksum: Checksum, owner: Owner): string {
  const capability = owner.capability === null ? '' : Buffer.from(owner.capability).toString('hex');
  return `${checksum} ${owner.uid} ${owner.gid} ${capability}`;
}
