/** Carries the steps of a live plan out: files are written beside and renamed, never written into. */
import { S, type Fd } from '#native/syscalls.ts';
import { codeOf, during } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { loadContent } from '#ostree/repo/content.ts';
import { loadDirmeta } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { makeDirectory, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';
import { addEntries } from '#layering/live-users.ts';
import type { LiveStep } from '#layering/live-plan.ts';

/** A crash leaves what was done so far and at most one file `.NAME.yum-ostree-live`. */
export function writeLive(repo: Repo, root: Fd, step: LiveStep): void {
  during(`writing /${step.path}`, () => {
    switch (step.op) {
      case 'remove':
        return step.isDirectory ? removeEmpty(repo, root, step.path) : removeFile(repo, root, step.path);
      case 'directory':
        return writeDirectory(repo, root, step);
      case 'file':
        return writeFile(repo, root, step);
      case 'entries':
        return addEntries(repo.sys, root, step);
      default:
        step satisfies never;
    }
  });
}

function removeFile({ sys }: Repo, root: Fd, path: string): void {
  unlinkIfPresent(sys, root, path);
}

/** What somebody else put into it keeps it. */
function removeEmpty({ sys }: Repo, root: Fd, path: string): void {
  try {
    sys.rmdir(root, path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(codeOf(error) ?? '')) throw error;
  }
}

function writeDirectory(repo: Repo, root: Fd, step: Extract<LiveStep, { op: 'directory' }>): void {
  makeDirectory(repo.sys, root, step.path, 0o700);
  const meta = loadDirmeta(repo, step.meta);
  repo.sys.chown(root, step.path, meta.uid, meta.gid);
  repo.sys.chmod(root, step.path, meta.mode & 0o7777);
  setAttributes(repo, root, { path: step.path, meta });
}

function writeFile(repo: Repo, root: Fd, step: Extract<LiveStep, { op: 'file' }>): void {
  const { sys } = repo;
  const slash = step.path.lastIndexOf('/') + 1;
  const temporary = `${step.path.slice(0, slash)}.${step.path.slice(slash)}.yum-ostree-live`;
  const content = loadContent(repo, step.checksum);
  unlinkIfPresent(sys, root, temporary);
  if ((content.meta.mode & S.IFMT) === S.IFLNK) {
    sys.symlink(content.meta.target, root, temporary);
    sys.chown(root, temporary, content.meta.uid, content.meta.gid);
  } else {
    const file = sys.open(root, temporary, ['write', 'create', 'exclusive', 'nofollow'], 0o600);
    try {
      for (const piece of content.pieces()) sys.write(file, piece);
      sys.fchown(file, content.meta.uid, content.meta.gid);
      sys.fchmod(file, content.meta.mode & 0o7777);
    } finally {
      sys.close(file);
    }
  }
  setAttributes(repo, root, { path: temporary, meta: content.meta });
  sys.utimes(root, temporary, 0, 0);
  sys.rename(root, temporary, root, step.path);
}

function setAttributes(
  { sys }: Repo,
  root: Fd,
  { path, meta }: { readonly path: string; readonly meta: Pick<FileMeta, 'xattrs'> },
): void {
  for (const { name, value } of meta.xattrs) sys.setXattr(root, path, name, value);
}
