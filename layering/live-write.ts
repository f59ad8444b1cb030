/** Carries the steps of a live plan out: files are written beside and renamed, never written into. */
import { S, type Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, during } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { makeDirectory, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';
import { addEntries } from '#layering/live-users.ts';
import { temporaryOf, type LiveStep } from '#layering/live-plan.ts';

/**
 * A crash of this process leaves what was done so far and at most one `.NAME.yum-ostree-live`, which the next run
 * removes. After one of the machine, a file in /etc is the old one or the whole new one; /usr is as it was booted.
 */
export function writeLive(repo: Repo, root: Fd, step: LiveStep): void {
  during(`writing /${step.path}`, () => {
    switch (step.op) {
      case 'remove':
        return inParent(repo, root, step.path, (dir, name) =>
          step.isDirectory ? removeEmpty(repo, dir, name) : unlinkIfPresent(repo.sys, dir, name),
        );
      case 'directory':
        return inParent(repo, root, step.path, (dir, name) =>
          writeDirectory(repo, dir, { name, meta: step.meta }),
        );
      case 'file':
        return inParent(repo, root, step.path, (dir, name) =>
          writeFile(repo, dir, { name, checksum: step.checksum, isLasting: step.path.startsWith(ETC) }),
        );
      case 'entries':
        return addEntries(repo.sys, root, step);
      default:
        step satisfies never;
    }
  });
}

/** What is in /usr goes with the boot, what is in /etc stays. */
const ETC = 'etc/';

/** Follows no link on the way, whatever it has become since the plan was made. */
function inParent({ sys }: Repo, root: Fd, path: string, action: (dir: Fd, name: string) => void): void {
  const names = path.split('/');
  const name = names.pop() ?? '';
  let dir = sys.open(root, '.', ['read', 'directory']);
  try {
    for (const one of names) {
      const below = sys.open(dir, one, ['read', 'directory', 'nofollow']);
      sys.close(dir);
      dir = below;
    }
    action(dir, name);
  } finally {
    sys.close(dir);
  }
}

/** What somebody else put into it keeps it. */
function removeEmpty({ sys }: Repo, dir: Fd, name: string): void {
  try {
    sys.rmdir(dir, name);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(error) ?? '')) throw error;
  }
}

function writeDirectory(
  repo: Repo,
  dir: Fd,
  { name, meta: checksum }: { readonly name: string; readonly meta: Checksum },
): void {
  const { sys } = repo;
  const isNew = sys.lstat(dir, name) === null;
  const path = isNew ? temporaryOf(name) : name;
  if (isNew) makeDirectory(sys, dir, path, 0o700);
  const meta = loadDirmeta(repo, checksum);
  sys.chown(dir, path, meta.uid, meta.gid);
  sys.chmod(dir, path, meta.mode & 0o7777);
  setAttributes(repo, dir, { path, meta });
  if (isNew) sys.rename(dir, path, dir, name);
}

interface NewFile {
  readonly name: string;
  readonly checksum: Checksum;
  /** It is to be on the disk before it takes the old one's place. */
  readonly isLasting: boolean;
}

function writeFile(repo: Repo, dir: Fd, { name, checksum, isLasting }: NewFile): void {
  const { sys } = repo;
  const temporary = temporaryOf(name);
  const content = loadContent(repo, checksum);
  const { meta } = content;
  unlinkIfPresent(sys, dir, temporary);
  if ((meta.mode & S.IFMT) === S.IFLNK) {
    sys.symlink(meta.target, dir, temporary);
    sys.chown(dir, temporary, meta.uid, meta.gid);
    finishFile(repo, dir, { path: temporary, meta });
  } else {
    const file = sys.open(dir, temporary, ['write', 'create', 'exclusive', 'nofollow'], 0o600);
    try {
      for (const piece of content.pieces()) sys.write(file, piece);
      sys.fchown(file, meta.uid, meta.gid);
      sys.fchmod(file, meta.mode & 0o7777);
      finishFile(repo, dir, { path: temporary, meta });
      if (isLasting) sys.fsync(file);
    } finally {
      sys.close(file);
    }
  }
  sys.rename(dir, temporary, dir, name);
}

interface Unfinished {
  readonly path: string;
  readonly meta: Pick<FileMeta, 'xattrs'>;
}

function finishFile(repo: Repo, dir: Fd, file: Unfinished): void {
  setAttributes(repo, dir, file);
  repo.sys.utimes(dir, file.path, 0, 0);
}

function setAttributes({ sys }: Repo, dir: Fd, { path, meta }: Unfinished): void {
  for (const { name, value } of meta.xattrs) sys.setXattr(dir, path, name, value);
}
