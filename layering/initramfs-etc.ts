/** The initrd beside that of the tree: tracked files of /etc, as they are when a deployment is made. */
import { gzipSync } from 'node:zlib';
import { AT_FDCWD, S, type Fd, type Syscalls } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { STAGED_INITRDS } from '#ostree/sysroot/deployment.ts';
import { stageInitrd } from '#ostree/sysroot/stage-initrd.ts';
import { unlinkIfPresent } from '#ostree/sysroot/write-file.ts';
import { cpioArchive, type CpioMember } from '#layering/cpio-archive.ts';
import type { System } from '#layering/system.ts';

/** What a boot loader reads for one file tracked by mistake has an end. Bytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Runs `deploy` with the initrds that a new deployment shall have beside its tree's: one, or none where nothing is
 * tracked. It waits in /run until `deploy` has put it into /boot; a crash leaves it there until the next boot.
 * @throws UserError of `etcInitrd`, before anything is deployed
 */
export function withEtcInitrd<T>(
  system: System,
  tracked: readonly string[],
  deploy: (initrds: readonly Checksum[]) => T,
): T {
  if (tracked.length === 0) return deploy([]);
  const { sys } = system.sysroot;
  const { checksum, isNew } = stageInitrd(sys, initrdOf(sys, machineRoot(system), tracked));
  try {
    return deploy([checksum]);
  } finally {
    if (isNew) unlinkIfPresent(sys, AT_FDCWD, `${STAGED_INITRDS}/${checksum}`);
  }
}

/** Where the /etc is that counts: of the running system its own, which need not be that of its deployment's directory. */
export function machineRoot({ merge, mergePath }: System): string {
  return merge.isBooted ? '/' : mergePath;
}

function initrdOf(sys: Syscalls, path: string, tracked: readonly string[]): Uint8Array {
  const root = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    return during('making the initrd of tracked files', () => etcInitrd(sys, root, tracked));
  } finally {
    sys.close(root);
  }
}

/**
 * A gzip-compressed archive with the files below `root`, and the directories on the way to them: modes as they are, owned
 * by root, the same bytes for the same files.
 * @throws UserError NO_FILE, FILE_NOT_ALLOWED, naming the tracked path
 */
export function etcInitrd(sys: Syscalls, root: Fd, tracked: readonly string[]): Uint8Array {
  const members = new Map<string, CpioMember>();
  const found: Found = { sys, root, members, bytesLeft: MOST_BYTES };
  for (const path of tracked) {
    const names = path.split('/').slice(1);
    for (let count = 1; count < names.length; count++)
      addParent(found, names.slice(0, count).join('/'), path);
    addBelow(found, names.join('/'), path);
  }
  return gzipSync(cpioArchive([...members.values()]));
}

interface Found {
  readonly sys: Syscalls;
  readonly root: Fd;
  /** By name, parents before their entries. */
  readonly members: Map<string, CpioMember>;
  bytesLeft: number;
}

/** Links are not followed: what they lead to may be outside. */
function addParent(found: Found, name: string, tracked: string): void {
  const stat = found.sys.lstat(found.root, name);
  if (stat === null) throw gone(tracked);
  if ((stat.mode & S.IFMT) !== S.IFDIR)
    throw new UserError('FILE_NOT_ALLOWED', `${tracked}: /${name} is no directory`, {
      hint: 'a path that is tracked does not lead through symbolic links',
    });
  if (!found.members.has(name)) add(found, { name, mode: stat.mode, content: new Uint8Array(0) }, tracked);
}

function addBelow(found: Found, name: string, tracked: string): void {
  const { sys, root } = found;
  const stat = sys.lstat(root, name);
  if (stat === null) throw gone(tracked);
  const type = stat.mode & S.IFMT;
  if (type === S.IFDIR) {
    if (!found.members.has(name)) add(found, { name, mode: stat.mode, content: new Uint8Array(0) }, tracked);
    for (const entry of sys.readdir(root, name)) addBelow(found, `${name}/${entry.name}`, tracked);
  } else if (type === S.IFLNK) {
    add(found, { name, mode: stat.mode, content: Buffer.from(sys.readlink(root, name) ?? '') }, tracked);
  } else if (type === S.IFREG) {
    if (stat.size > found.bytesLeft) throw tooLarge(tracked);
    add(found, { name, mode: stat.mode, content: sys.readFile(root, name) }, tracked);
  } else {
    throw new UserError('FILE_NOT_ALLOWED', `${tracked}: /${name} is neither file, directory nor link`);
  }
}

function add(found: Found, member: CpioMember, tracked: string): void {
  found.bytesLeft -= member.content.length;
  if (found.bytesLeft < 0) throw tooLarge(tracked);
  found.members.set(member.name, member);
}

function gone(tracked: string): UserError {
  return new UserError('NO_FILE', `${tracked} is tracked for the initramfs, and there is no such file`, {
    hint: `'yum-ostree initramfs-etc --untrack ${tracked}' leaves it out`,
  });
}

function tooLarge(tracked: string): UserError {
  return new UserError(
    'FILE_NOT_ALLOWED',
    `${tracked}: the files tracked for the initramfs have more than ${MOST_BYTES} bytes`,
  );
}
