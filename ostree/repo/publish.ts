/** The end of a transaction: staged objects and refs become visible, durably. */
import type { Fd } from '#native/syscalls.ts';
import type { Checksum } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import { PackWriter } from '#ostree/repo/packed.ts';
import { refPath } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';
import { wantsSync } from '#ostree/repo/settings.ts';
import type { Staging } from '#ostree/repo/staging.ts';

interface NewRef {
  /** Below the repository. */
  readonly path: string;
  /** The file in the staging directory that becomes the ref; null where the ref is removed. */
  readonly staged: string | null;
}

/**
 * At most three syncs: the staged data (with the new refs' content), the objects' names, the refs' directories.
 * A crash before the first rename of a ref leaves all refs as they were (objects may be there, unreferenced); a crash
 * between two refs leaves each of them either old or new.
 */
export function publish(
  repo: Repo,
  staging: Staging,
  change: { readonly paths: readonly string[]; readonly refs: ReadonlyMap<string, Checksum | null> },
): void {
  const { sys } = repo;
  const refs = [...change.refs].map(([refspec, checksum], index) =>
    stageRef(repo, staging, { refspec, checksum, index }),
  );
  if (change.paths.length === 0 && refs.length === 0) return;
  const sync = wantsSync(repo);
  if (sync) sys.syncfs(repo.fd);
  if (change.paths.length > 0) {
    const plan = new PackWriter(change.paths.length * 80);
    for (const path of change.paths) plan.text16(path);
    sys.moveFiles(staging.fd, repo.objectsFd, plan.finish());
    if (sync) sys.syncfs(repo.fd);
  }
  for (const ref of refs) showRef(repo, staging.fd, ref);
  if (sync && refs.length > 0) syncRefs(repo, refs);
}

function stageRef(
  repo: Repo,
  staging: Staging,
  ref: { readonly refspec: string; readonly checksum: Checksum | null; readonly index: number },
): NewRef {
  const path = refPath(parseRefspec(ref.refspec));
  if (ref.checksum === null) return { path, staged: null };
  makeParents(repo, path, ref.refspec);
  const staged = `ref-${ref.index}`;
  const fd = repo.sys.open(staging.fd, staged, ['write', 'create', 'exclusive'], 0o644);
  try {
    repo.sys.write(fd, `${ref.checksum}\n`);
  } finally {
    repo.sys.close(fd);
  }
  return { path, staged };
}

function makeParents(repo: Repo, path: string, refspec: string): void {
  const components = path.split('/');
  for (let i = 1; i < components.length; i++) {
    const parent = components.slice(0, i).join('/');
    const stat = repo.sys.stat(repo.fd, parent);
    if (stat === null) repo.sys.mkdir(repo.fd, parent, 0o775);
    else if ((stat.mode & 0o170000) !== 0o040000)
      throw new UserError('REF_CONFLICT', `cannot make the ref '${refspec}': '${parent}' is itself a ref`);
  }
  const taken = repo.sys.lstat(repo.fd, path);
  if (taken !== null && (taken.mode & 0o170000) === 0o040000) removeEmptyParent(repo, path, refspec);
}

/** A directory that refs once lay in may stand where the ref goes. */
function removeEmptyParent(repo: Repo, path: string, refspec: string): void {
  try {
    repo.sys.rmdir(repo.fd, path);
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY') throw error;
    throw new UserError('REF_CONFLICT', `cannot make the ref '${refspec}': there are refs below it`);
  }
}

function showRef(repo: Repo, stagingFd: Fd, ref: NewRef): void {
  if (ref.staged !== null) {
    repo.sys.rename(stagingFd, ref.staged, repo.fd, ref.path);
    return;
  }
  if (repo.sys.lstat(repo.fd, ref.path) !== null) repo.sys.unlink(repo.fd, ref.path);
}

function syncRefs(repo: Repo, refs: readonly NewRef[]): void {
  const directories = new Set(refs.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
  const [only] = directories;
  if (directories.size !== 1 || only === undefined) return repo.sys.syncfs(repo.fd);
  if (repo.sys.stat(repo.fd, only) === null) return;
  const fd = repo.sys.open(repo.fd, only, ['read', 'directory']);
  try {
    repo.sys.fsync(fd);
  } finally {
    repo.sys.close(fd);
  }
}
