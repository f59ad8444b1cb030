/** A package as a commit: its files as OSTree objects, its header in the commit's metadata. */
import { isUtf8 } from 'node:buffer';
import type { Checksum } from '#ostree/format/checksum.ts';
import { during, UserError } from '#ostree/format/errors.ts';
import type { FileMeta } from '#ostree/format/file-meta.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { FileSource, Transaction } from '#ostree/repo/transaction.ts';
import { S } from '#native/syscalls.ts';
import { factoryPath, planImport, type ImportPlan, type Placement } from '#layering/import-paths.ts';
import { withLabel } from '#layering/label-attribute.ts';
import { formatNevra } from '#layering/nevra.ts';
import { packageMetadata, packageRef, storedPackage } from '#layering/package-tree.ts';
import { hasHeaderDigest, type PackageStart, type RpmFile } from '#layering/rpm-file.ts';
import { isSource, type RpmFileEntry } from '#layering/rpm-file-list.ts';
import { getNumber, getRaw, type RpmHeader } from '#layering/rpm-header.ts';
import { payloadDigests, readPayload, type PayloadFile } from '#layering/rpm-payload.ts';
import { TAG } from '#layering/rpm-tags.ts';
import { formatTmpfiles } from '#layering/tmpfiles-lines.ts';

export interface ImportOptions {
  /** The repository that the package is from, for the record. */
  readonly repoId?: string;
  /** Whether the ref that keeps the package is set with the transaction (default); else the caller sets it later. */
  readonly setRef?: boolean;
  /** The SELinux label of a file in the tree, where it is known; a tree gives those that lack one theirs. */
  readonly labels?: FileLabels | null;
}

export type FileLabels = (file: { readonly path: string; readonly mode: number }) => string | null;

/** Files up to this size are collected and stored many at a time; larger ones are streamed. Bytes. */
const SMALL = 256 * 1024;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_FILES = 512;

const DIRECTORY: FileMeta = { uid: 0, gid: 0, mode: S.IFDIR | 0o755, xattrs: [] };

/**
 * Stages the package's files, its commit and the ref that keeps it. Everything belongs to root: owners and capabilities
 * are a matter of the tree that it goes into. Labels are too, but most trees of a system want the same, and a file that
 * has the right one need not be written again. What the store has already is returned.
 * @returns the commit
 * @throws UserError naming the package and the path; nothing is then to be committed
 */
export function importRpm(txn: Transaction, rpm: RpmFile, options: ImportOptions = {}): Checksum {
  const known = storedPackage(txn.repo, rpm);
  if (known !== null) return known;
  const nevra = formatNevra(rpm.nevra);
  if (isSource(rpm.header))
    throw new UserError('BAD_RPM', `${rpm.path} is a source package, which cannot be installed`);
  requireDigests(rpm);
  checkNames(rpm.header, nevra);
  const plan = planImport(rpm.files, nevra);
  const labels = options.labels ?? null;
  const tree = during(`package ${nevra}`, () => treeOf(txn, rpm, { plan, labels }));
  const commit = writePackage(txn, tree, rpm, { repoId: options.repoId, isLabelled: labels !== null });
  if (options.setRef !== false) txn.setRef(packageRef(rpm.nevra, rpm.headerSha256), commit);
  return commit;
}

/**
 * The same from a tree that has the package's files already, at the places that an import gives them and with root as their
 * owner. What the tree lacks stays out. No ref is set. @returns the commit
 */
export function adoptTree(
  txn: Transaction,
  pkg: PackageStart & { readonly isLabelled: boolean },
  source: MutableTree,
): Checksum {
  const known = storedPackage(txn.repo, pkg);
  if (known !== null) return known;
  const nevra = formatNevra(pkg.nevra);
  checkNames(pkg.header, nevra);
  const { placements, tmpfiles } = planImport(pkg.files, nevra);
  const tree = MutableTree.empty(DIRECTORY);
  const places = new Map(pkg.files.map((file, index) => [file, placements[index] ?? DROPPED]));
  placeDirectories(tree, places, null);
  for (const path of placements.flatMap(treePath)) {
    const entry = source.get(path);
    if (entry?.kind === 'file') setFile(tree, [path], entry.checksum);
    else if (entry?.kind === 'directory') tree.ensureDirectory(path, DIRECTORY);
  }
  const lines = tmpfiles.filter(({ type, path }) => type !== 'C' || tree.get(factoryPath(path)) !== null);
  if (lines.length > 0) {
    const files = fileCollector(txn, tree, null);
    files.addBytes([tmpfilesPath(pkg)], plainMeta(0o644), utf8Bytes(formatTmpfiles(lines)));
    files.flush();
  }
  return writePackage(txn, tree, pkg, { repoId: undefined, isLabelled: pkg.isLabelled });
}

function writePackage(
  txn: Transaction,
  tree: MutableTree,
  pkg: Pick<PackageStart, 'nevra' | 'header' | 'signatureHeader' | 'headerSha256'>,
  how: { readonly repoId: string | undefined; readonly isLabelled: boolean },
): Checksum {
  const { contents, meta } = tree.write(txn);
  return txn.writeCommit({
    metadata: packageMetadata(pkg, how),
    parent: null,
    subject: '',
    body: '',
    timestamp: getNumber(pkg.header, TAG.BUILDTIME) ?? 0,
    rootContents: contents,
    rootMeta: meta,
  });
}

/** What is there has been compared, or will be; a package whose damage nothing would tell is refused, as by rpm. */
function requireDigests(rpm: RpmFile): void {
  const lacking = hasHeaderDigest(rpm) ? (payloadDigests(rpm).length > 0 ? null : 'payload') : 'header';
  if (lacking !== null)
    throw new UserError('BAD_RPM', `${rpm.path} has no digest of its ${lacking}`, {
      hint: 'use a package that rpm 4.14 or later has built',
    });
}

/** A tree's names are UTF-8. */
function checkNames(header: RpmHeader, nevra: string): void {
  for (const tag of [TAG.BASENAMES, TAG.DIRNAMES, TAG.OLDFILENAMES, TAG.FILELINKTOS]) {
    const entry = header.entries.get(tag);
    if (entry !== undefined && !isUtf8(getRaw(header, entry)))
      throw new UserError('BAD_PATH', `package ${nevra}: the name of a file is not valid UTF-8`);
  }
}

/** Every place in the tree where importing the package puts a file or a directory, and the directories above. */
export function importedPlaces(rpm: RpmFile): { readonly path: string; readonly mode: number }[] {
  const plan = planImport(rpm.files, formatNevra(rpm.nevra));
  const files = rpm.files.flatMap((file, index) =>
    treePath(plan.placements[index] ?? DROPPED).map((path) => ({ path, mode: file.mode })),
  );
  if (plan.tmpfiles.length > 0) files.push({ path: tmpfilesPath(rpm), mode: S.IFREG });
  const above = new Set<string>();
  for (const { path } of files)
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      if (above.has(path.slice(0, at))) break;
      above.add(path.slice(0, at));
    }
  return [...files, ...[...above].map((path) => ({ path, mode: S.IFDIR }))];
}

function treeOf(
  txn: Transaction,
  rpm: RpmFile,
  { plan, labels }: { readonly plan: ImportPlan; readonly labels: FileLabels | null },
): MutableTree {
  const tree = MutableTree.empty(DIRECTORY);
  const places = new Map(rpm.files.map((file, index) => [file, plan.placements[index] ?? DROPPED]));
  placeDirectories(tree, places, labels);
  const files = fileCollector(txn, tree, labels);
  for (const file of readPayload(rpm)) placeFile(files, file, places);
  if (plan.tmpfiles.length > 0) {
    const bytes = utf8Bytes(formatTmpfiles(plan.tmpfiles));
    files.addBytes([tmpfilesPath(rpm)], plainMeta(0o644), bytes);
  }
  files.flush();
  return tree;
}

const DROPPED: Placement = { kind: 'drop' };

function tmpfilesPath(rpm: Pick<RpmFile, 'nevra'>): string {
  return `usr/lib/tmpfiles.d/yum-ostree-${rpm.nevra.name}.${rpm.nevra.arch}.conf`;
}

function placeDirectories(
  tree: MutableTree,
  places: ReadonlyMap<RpmFileEntry, Placement>,
  labels: FileLabels | null,
): void {
  for (const [file, place] of places) {
    if (place.kind !== 'tree' || (file.mode & S.IFMT) !== S.IFDIR) continue;
    // A directory that root itself cannot write into could not be filled at a checkout.
    const plain = { ...DIRECTORY, mode: S.IFDIR | (file.mode & 0o7777) | 0o200 };
    const meta = labelled(labels, place.path, plain);
    during(`'/${place.path}'`, () => tree.ensureDirectory(place.path, DIRECTORY).setMeta(meta));
  }
}

function placeFile(
  files: FileCollector,
  file: PayloadFile,
  places: ReadonlyMap<RpmFileEntry, Placement>,
): void {
  const [first] = file.entries;
  const paths = file.entries.flatMap((entry) => treePath(places.get(entry) ?? DROPPED));
  if (paths.length === 0) return;
  const type = first.mode & S.IFMT;
  if (type === S.IFLNK) files.addSymlink(paths, first.linkto);
  else if (type === S.IFREG) files.addContent(paths, first, file.content());
}

function treePath(place: Placement): string[] {
  if (place.kind === 'tree') return [place.path];
  return place.kind === 'tmpfiles' && place.factory !== null ? [place.factory] : [];
}

interface FileCollector {
  addSymlink(paths: readonly string[], target: string): void;
  addBytes(paths: readonly string[], meta: FileMeta, bytes: Uint8Array): void;
  addContent(paths: readonly string[], file: RpmFileEntry, content: Iterable<Uint8Array>): void;
  /** Stores what was collected. */
  flush(): void;
}

/** Small files wait until there are enough of them for one call of the store. */
function fileCollector(txn: Transaction, tree: MutableTree, labels: FileLabels | null): FileCollector {
  let waiting: { readonly paths: readonly string[]; readonly source: FileSource }[] = [];
  let bytesWaiting = 0;
  const flush = (): void => {
    const checksums = txn.writeFiles(
      txn.repo.fd,
      waiting.map(({ source }) => source),
    );
    waiting.forEach(({ paths }, index) => setFile(tree, paths, checksums[index]));
    waiting = [];
    bytesWaiting = 0;
  };
  const add = (paths: readonly string[], source: FileSource, size: number): void => {
    waiting.push({ paths, source });
    bytesWaiting += size;
    if (bytesWaiting > BATCH_BYTES || waiting.length >= BATCH_FILES) flush();
  };
  const addBytes = (paths: readonly string[], meta: FileMeta, bytes: Uint8Array): void =>
    add(
      paths,
      { meta: { ...labelled(labels, paths[0], meta), target: '' }, source: { kind: 'bytes', bytes } },
      bytes.length,
    );
  return {
    addSymlink: (paths, target) => {
      const plain = { uid: 0, gid: 0, mode: S.IFLNK | 0o777, xattrs: [] };
      const meta = { ...labelled(labels, paths[0], plain), target };
      add(paths, { meta, source: { kind: 'none' } }, 0);
    },
    addBytes,
    addContent: (paths, file, content) => {
      const meta = plainMeta(file.mode & 0o7777);
      if (file.size <= SMALL) addBytes(paths, meta, Buffer.concat([...content]));
      else {
        const streamedMeta = labelled(labels, paths[0], meta);
        setFile(tree, paths, streamed(txn, { meta: streamedMeta, size: file.size, content }));
      }
    },
    flush,
  };
}

function streamed(
  txn: Transaction,
  file: { readonly meta: FileMeta; readonly size: number; readonly content: Iterable<Uint8Array> },
): Checksum {
  const writer = txn.openFile(file.meta, file.size);
  try {
    for (const piece of file.content) writer.write(piece);
    return writer.finish();
  } finally {
    writer.abort();
  }
}

function setFile(tree: MutableTree, paths: readonly string[], checksum: Checksum | undefined): void {
  if (checksum === undefined) throw new RangeError('a stored file has no checksum');
  for (const path of paths) {
    const existing = tree.get(path);
    if (existing !== null && !(existing.kind === 'file' && existing.checksum === checksum))
      throw new UserError('BAD_PATH', `two different files would both be '/${path}'`);
    during(`'/${path}'`, () => {
      tree.ensureDirectory(path.slice(0, path.lastIndexOf('/')), DIRECTORY);
      tree.setFile(path, checksum);
    });
  }
}

/** With the label of that path. Further names of the same file may want others; the tree then gives them theirs. */
function labelled(labels: FileLabels | null, path: string | undefined, meta: FileMeta): FileMeta {
  if (labels === null || path === undefined) return meta;
  return withLabel(meta, labels({ path, mode: meta.mode }));
}

function plainMeta(permissions: number): FileMeta {
  return { uid: 0, gid: 0, mode: S.IFREG | permissions, xattrs: [] };
}
