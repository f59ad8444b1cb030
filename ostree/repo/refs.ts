/** Refs: text files that name a commit. Writing them belongs to `Transaction`. */
import { S } from '#native/syscalls.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { formatRefspec, isRefName, parseRefspec, type Refspec } from '#ostree/format/ref-name.ts';
import { compareBytewise } from '#ostree/format/utf8.ts';
import { loadCommit } from '#ostree/repo/objects.ts';
import type { Repo } from '#ostree/repo/repo.ts';

export interface Ref {
  /** `[remote:]ref`. */
  readonly refspec: string;
  readonly checksum: Checksum;
}

/** The ref's file below the repository: `refs/heads/REF` or `refs/remotes/REMOTE/REF`. */
export function refPath({ remote, ref }: Refspec): string {
  return remote === null ? `refs/heads/${ref}` : `refs/remotes/${remote}/${ref}`;
}

/** The commit that a ref names; null where there is no such ref. @throws UserError BAD_REF_NAME, BAD_REF */
export function readRef(repo: Repo, refspec: string): Checksum | null {
  return readRefFile(repo, refPath(parseRefspec(refspec)));
}

/**
 * All refs of `heads` and of the remotes, sorted; with a prefix only the ref of that name and those below it
 * (`a/b` matches `a/b` and `a/b/c`). Files whose names cannot be refs are passed over.
 */
export function listRefs(repo: Repo, prefix: string | null = null): Ref[] {
  return refFiles(repo, prefix).flatMap(({ refspec, path }) => {
    const checksum = readRefFile(repo, path);
    return checksum === null ? [] : [{ refspec, checksum }];
  });
}

/** As `listRefs`, of damaged refs too: none is read. */
export function listRefspecs(repo: Repo, prefix: string | null = null): string[] {
  return refFiles(repo, prefix)
    .filter(({ path }) => isRegular(repo, path))
    .map(({ refspec }) => refspec);
}

function refFiles(repo: Repo, prefix: string | null): RefFile[] {
  const found: RefFile[] = [];
  const top = { name: '', prefix };
  collect(repo, { ...top, directory: 'refs/heads', remote: null }, found);
  for (const { name, kind } of entriesOf(repo, 'refs/remotes'))
    if (kind === 'directory')
      collect(repo, { ...top, directory: `refs/remotes/${name}`, remote: name }, found);
  return found.sort((a, b) => compareBytewise(a.refspec, b.refspec));
}

interface RefFile {
  readonly refspec: string;
  /** Below the repository. */
  readonly path: string;
}

/** A local ref that stands for another one: a symbolic link. */
export interface RefAlias {
  readonly ref: string;
  /** The ref it stands for. */
  readonly target: string;
}

/** All aliases, sorted; links that lead elsewhere are passed over. */
export function listAliases(repo: Repo): RefAlias[] {
  return listRefspecs(repo)
    .filter((refspec) => !refspec.includes(':'))
    .flatMap((refspec): RefAlias[] => {
      const path = refPath(parseRefspec(refspec));
      if (((repo.sys.lstat(repo.fd, path)?.mode ?? 0) & S.IFMT) !== S.IFLNK) return [];
      const target = linkedRef(refspec, repo.sys.readlink(repo.fd, path) ?? '');
      return target === null ? [] : [{ ref: refspec, target }];
    });
}

/** Makes a local ref stand for another, by one rename, and syncs it; one of that name is replaced. */
export function writeAlias(repo: Repo, { ref, target }: RefAlias): void {
  const { sys, fd } = repo;
  const path = refPath(parseRefspec(ref));
  const components = path.split('/');
  for (let depth = 1; depth < components.length; depth++) {
    const parent = components.slice(0, depth).join('/');
    if (sys.stat(fd, parent) === null) sys.mkdir(fd, parent, 0o775);
  }
  const directory = sys.open(fd, path.slice(0, path.lastIndexOf('/')), ['read', 'directory']);
  try {
    const name = components.at(-1) ?? '';
    const temporary = `.${name}-${sys.randomHex(4)}`;
    sys.symlink('../'.repeat(ref.split('/').length - 1) + target, directory, temporary);
    sys.rename(directory, temporary, directory, name);
    sys.fsync(directory);
  } finally {
    sys.close(directory);
  }
}

/** The ref that a link beside the ref leads to; null where it leaves the local refs. Pure. */
function linkedRef(ref: string, link: string): string | null {
  const at = ref.split('/').slice(0, -1);
  if (link.startsWith('/')) return null;
  for (const component of link.split('/')) {
    if (component === '..') {
      if (at.pop() === undefined) return null;
    } else if (component !== '.' && component !== '') at.push(component);
  }
  const target = at.join('/');
  return isRefName(target) ? target : null;
}

/**
 * The commit that `rev` names: a ref (`ref` or `remote:ref`; a ref of a remote is found without the remote's name
 * where no local one has it, and as `remote/ref`), a checksum, a unique prefix of a commit's checksum, or any of these followed by `^`
 * (its parent, repeatable). @throws UserError NO_REV, NO_PARENT, AMBIGUOUS_REV, NO_OBJECT
 */
export function resolveRev(repo: Repo, rev: string): Checksum {
  if (rev.endsWith('^')) {
    const child = resolveRev(repo, rev.slice(0, -1));
    const { parent } = loadCommit(repo, child);
    if (parent === null) throw new UserError('NO_PARENT', `Commit ${child} has no parent`);
    return parent;
  }
  if (isChecksum(rev)) return rev;
  const found = lookUpRef(repo, rev) ?? lookUpPrefix(repo, rev);
  if (found === null)
    throw new UserError('NO_REV', `Refspec '${rev}' not found`, { hint: `'ostree refs' lists the refs` });
  return found;
}

function lookUpRef(repo: Repo, rev: string): Checksum | null {
  if (!rev.includes(':') && !isRefName(rev)) {
    parseRefspec(rev);
    return null;
  }
  const here = readRef(repo, rev);
  if (here !== null || rev.includes(':')) return here;
  for (const { name, kind } of entriesOf(repo, 'refs/remotes')) {
    const there = kind === 'directory' ? readRefFile(repo, `refs/remotes/${name}/${rev}`) : null;
    if (there !== null) return there;
  }
  // `REMOTE/REF`
  return rev.includes('/') ? readRefFile(repo, `refs/remotes/${rev}`) : null;
}

function lookUpPrefix(repo: Repo, prefix: string): Checksum | null {
  if (prefix.length < 2 || !isChecksum(prefix.padEnd(64, '0'))) return null;
  const directory = prefix.slice(0, 2);
  if (repo.sys.stat(repo.objectsFd, directory) === null) return null;
  const matches = repo.sys
    .readdir(repo.objectsFd, directory)
    .filter(({ name }) => name.endsWith('.commit'))
    .map(({ name }) => directory + name.slice(0, -'.commit'.length))
    .filter((name) => name.startsWith(prefix) && isChecksum(name));
  if (matches.length > 1)
    throw new UserError('AMBIGUOUS_REV', `Refspec ${prefix} not unique: ${matches.length} commits match`);
  return (matches[0] as Checksum | undefined) ?? null;
}

interface RefDirectory {
  readonly directory: string;
  readonly remote: string | null;
  /** The ref's components so far, '' at the top. */
  readonly name: string;
  /** Of `listRefs`. */
  readonly prefix: string | null;
}

function collect(repo: Repo, at: RefDirectory, found: RefFile[]): void {
  for (const { name, kind } of entriesOf(repo, at.directory)) {
    const ref = at.name === '' ? name : `${at.name}/${name}`;
    const path = `${at.directory}/${name}`;
    if (!isRefName(ref)) continue;
    const refspec = formatRefspec({ remote: at.remote, ref });
    const isWanted = at.prefix === null || refspec === at.prefix || refspec.startsWith(withSlash(at.prefix));
    if (kind === 'directory') {
      const isAbove = at.prefix !== null && at.prefix.startsWith(withSlash(refspec));
      if (isWanted || isAbove) collect(repo, { ...at, directory: path, name: ref }, found);
    } else if (isWanted) found.push({ refspec, path });
  }
}

function entriesOf(repo: Repo, directory: string): ReturnType<Repo['sys']['readdir']> {
  try {
    return repo.sys.readdir(repo.fd, directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function readRefFile(repo: Repo, path: string): Checksum | null {
  if (!isRegular(repo, path)) return null;
  const text = repo.sys.readText(repo.fd, path)?.trim();
  if (text === undefined) return null;
  if (!isChecksum(text))
    throw new UserError('BAD_REF', `${repo.path}/${path} holds no commit checksum`, {
      hint: `'ostree refs --delete' removes a damaged ref`,
    });
  return text;
}

/** A directory of that name is a ref's parent, and a fifo or device is nothing that a ref can be read from. */
function isRegular(repo: Repo, path: string): boolean {
  return ((repo.sys.stat(repo.fd, path)?.mode ?? 0) & S.IFMT) === S.IFREG;
}

function withSlash(prefix: string): string {
  return prefix.endsWith('/') || prefix.endsWith(':') ? prefix : `${prefix}/`;
}
