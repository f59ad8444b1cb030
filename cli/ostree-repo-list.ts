/** `ls` and `cat`: what is in a tree. */
import type { Command } from 'commander';
import type { CliContext } from '#cli/context.ts';
import { repoVerb, withRepo } from '#cli/ostree-repo-open.ts';
import { S } from '#native/syscalls.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import { xattrsToGValue, type FileMeta } from '#ostree/format/file-meta.ts';
import { gvariantText } from '#ostree/format/gvariant-text.ts';
import { lookUp, type Found } from '#ostree/repo/checkout.ts';
import { loadContent, type Content } from '#ostree/repo/content.ts';
import type { TreeChecksums } from '#ostree/repo/mutable-tree.ts';
import { loadCommit, loadDirmeta, loadDirtree } from '#ostree/repo/objects.ts';
import { resolveRev } from '#ostree/repo/refs.ts';
import type { Repo } from '#ostree/repo/repo.ts';

const STDOUT = 1;
/** As the kernel's. */
const MOST_LINKS = 40;

interface LsOptions {
  readonly dironly?: boolean;
  readonly recursive?: boolean;
  readonly checksum?: boolean;
  readonly xattrs?: boolean;
  readonly nulFilenamesOnly?: boolean;
}

export function addListVerbs(program: Command, context: CliContext): void {
  repoVerb(program, 'ls <commit> [paths...]', 'list the files of a commit')
    .option('-d, --dironly', 'directories themselves, not what is in them')
    .option('-R, --recursive', 'with all below')
    .option('-C, --checksum', 'print checksums')
    .option('-X, --xattrs', 'print extended attributes')
    .option('--nul-filenames-only', 'only names, each ended by NUL')
    .action((commit: string, paths: string[], options: LsOptions, command: Command) =>
      withRepo(context, command, (repo) => {
        const root = rootOf(repo, commit);
        for (const path of paths.length === 0 ? ['/'] : paths) list(context, repo, { root, path, options });
      }),
    );
  repoVerb(program, 'cat <commit> <paths...>', 'print files of a commit').action(
    (commit: string, paths: string[], _options: unknown, command: Command) =>
      withRepo(context, command, (repo) => {
        for (const path of paths) cat(context, repo, { root: rootOf(repo, commit), path });
      }),
  );
}

/** The tree of a commit. */
export function rootOf(repo: Repo, rev: string): TreeChecksums {
  const { rootContents, rootMeta } = loadCommit(repo, resolveRev(repo, rev));
  return { contents: rootContents, meta: rootMeta };
}

interface Listing {
  readonly root: TreeChecksums;
  readonly path: string;
  readonly options: LsOptions;
}

function list(context: CliContext, repo: Repo, listing: Listing): void {
  const path = normalized(listing.path);
  const found = during(`Inspecting path '${listing.path}'`, () => lookUp(repo, listing.root, path));
  printEntry(context, repo, { path, found, options: listing.options });
  if (found.kind === 'directory' && listing.options.dironly !== true)
    listDirectory(context, repo, { path, tree: found.tree, options: listing.options });
}

function listDirectory(
  context: CliContext,
  repo: Repo,
  at: { readonly path: string; readonly tree: TreeChecksums; readonly options: LsOptions },
): void {
  const { files, dirs } = loadDirtree(repo, at.tree.contents);
  const below = at.path === '/' ? '/' : `${at.path}/`;
  for (const { name, checksum } of files)
    printEntry(context, repo, {
      path: below + name,
      found: { kind: 'file', name, checksum },
      options: at.options,
    });
  for (const tree of dirs) {
    const path = below + tree.name;
    printEntry(context, repo, { path, found: { kind: 'directory', tree }, options: at.options });
    if (at.options.recursive === true) listDirectory(context, repo, { path, tree, options: at.options });
  }
}

function printEntry(
  context: CliContext,
  repo: Repo,
  entry: { readonly path: string; readonly found: Found; readonly options: LsOptions },
): void {
  const { found, options, path } = entry;
  if (options.nulFilenamesOnly === true) return context.out(`${path}\0`);
  const { meta, size, target } = detailsOf(repo, found);
  const checksums = found.kind === 'file' ? found.checksum : `${found.tree.contents} ${found.tree.meta}`;
  const parts = [
    `${letterOf(meta.mode)}${(meta.mode & 0o7777).toString(8).padStart(5, '0')}`,
    `${meta.uid}`,
    `${meta.gid}`,
    `${size}`.padStart(6),
    ...(options.checksum === true ? [checksums] : []),
    ...(options.xattrs === true ? [`{ ${gvariantText('a(ayay)', xattrsToGValue(meta.xattrs))} }`] : []),
    path,
    ...(target === '' ? [] : [`-> ${target}`]),
  ];
  context.out(`${parts.join(' ')}\n`);
}

function detailsOf(
  repo: Repo,
  found: Found,
): { readonly meta: FileMeta; readonly size: number; readonly target: string } {
  if (found.kind === 'directory') return { meta: loadDirmeta(repo, found.tree.meta), size: 0, target: '' };
  const { meta, size } = loadContent(repo, found.checksum);
  return { meta, size, target: meta.target };
}

function letterOf(mode: number): string {
  const kind = mode & S.IFMT;
  return kind === S.IFDIR ? 'd' : kind === S.IFLNK ? 'l' : '-';
}

function normalized(path: string): string {
  return `/${path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/')}`;
}

function cat(
  context: CliContext,
  repo: Repo,
  file: { readonly root: TreeChecksums; readonly path: string },
): void {
  const content = followed(repo, file);
  // Content is bytes, not text: it goes straight to standard output, after what was printed before (`err` sees to that).
  context.err('');
  for (const piece of content.pieces()) context.sys.write(STDOUT, piece);
}

/** The regular file that a path leads to, through symbolic links of the tree. @throws UserError NO_PATH, IS_A_DIRECTORY */
function followed(
  repo: Repo,
  { root, path }: { readonly root: TreeChecksums; readonly path: string },
): Content {
  let at = path;
  for (let links = 0; links <= MOST_LINKS; links += 1) {
    const found = lookUp(repo, root, at);
    if (found.kind === 'directory') throw new UserError('IS_A_DIRECTORY', `${path}: Can't open directory`);
    const content = loadContent(repo, found.checksum);
    if ((content.meta.mode & S.IFMT) !== S.IFLNK) return content;
    at = linkedPath(at, content.meta.target);
  }
  throw new UserError('NO_PATH', `${path}: Too many levels of symbolic links`);
}

/** Where a link at `path` leads to; `..` above the root stays there. */
function linkedPath(path: string, target: string): string {
  const names = target.startsWith('/') ? [] : path.split('/').slice(0, -1);
  for (const name of target.split('/'))
    if (name === '..') names.pop();
    else names.push(name);
  return normalized(names.join('/'));
}
