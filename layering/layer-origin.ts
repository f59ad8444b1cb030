/** The origin file of a deployment as layering reads and writes it; unknown groups and keys stay as they are. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { messageOf, UserError } from '#ostree/format/errors.ts';
import {
  EMPTY_KEYFILE,
  keyFileBoolean,
  keyFileKeys,
  keyFileList,
  keyFileString,
  withKey,
  withoutGroup,
  type KeyFile,
} from '#ostree/format/keyfile.ts';
import { parseRefspec } from '#ostree/format/ref-name.ts';
import {
  isInitramfsOfTree,
  readInitramfsRequest,
  writeInitramfsRequest,
  type InitramfsRequest,
} from '#layering/initramfs-request.ts';
import { parseFileEntry, parseRemoteEntry, specsBySource } from '#layering/origin-entries.ts';
import { sortedUnique, type TreeItems } from '#layering/tree-name.ts';

/** What is asked of a system: the base's refspec (or a pinned commit's checksum) and the requests on it. */
export interface LayerOrigin {
  /** `remote:ref`, `ref` or a bare checksum. */
  readonly base: string;
  /** The commit of the base's ref that was chosen instead of its newest. */
  readonly overrideCommit: Checksum | null;
  /** Specs as typed (name, NEVRA part, provide, path); never groups or files. */
  readonly requested: readonly string[];
  /** Package files: `SHA256:NEVRA` of package trees in the store, ours or rpm-ostree's. */
  readonly requestedLocal: readonly string[];
  /** comps group ids. */
  readonly groups: readonly string[];
  /** Names of base packages to leave out. */
  readonly removals: readonly string[];
  /** Package files that stand in for packages of the base: `SHA256:NEVRA` of package trees in the store. */
  readonly replaceLocal: readonly string[];
  /** Packages of repositories that do: `repo=ID,SPEC`, a spec each. */
  readonly replaceRemote: readonly string[];
  /** Names of packages whose files may replace files of others. */
  readonly replaceFiles: readonly string[];
  readonly weakDependencies: boolean;
  readonly initramfs: InitramfsRequest;
}

const OURS = 'yum-ostree';
/** Where rpm-ostree keeps the package files that it layers, and those whose files may replace files of others. */
const THEIR_FILES = 'requested-local';
const THEIR_REPLACING_FILES = 'requested-local-fileoverride';

/** @throws UserError BAD_ORIGIN where the origin names no base that can be layered on, two, or what is no ref */
export function readLayerOrigin(origin: KeyFile | null): LayerOrigin {
  const file = origin ?? EMPTY_KEYFILE;
  const replacing = fileEntries(file, 'packages', THEIR_REPLACING_FILES);
  const local = [
    ...fileEntries(file, OURS, 'requested-local'),
    ...fileEntries(file, 'packages', THEIR_FILES),
    ...replacing,
  ];
  return {
    base: baseOf(file),
    overrideCommit: overrideCommit(file),
    requested: keyFileList(file, 'packages', 'requested') ?? [],
    requestedLocal: sortedUnique(local),
    groups: keyFileList(file, OURS, 'groups') ?? [],
    removals: keyFileList(file, 'overrides', 'remove') ?? [],
    replaceLocal: fileEntries(file, 'overrides', 'replace-local'),
    replaceRemote: (keyFileList(file, 'overrides', 'replace') ?? []).flatMap(remoteReplacements),
    replaceFiles: sortedUnique([
      ...(keyFileList(file, OURS, 'replace-files') ?? []),
      ...replacing.map((entry) => parseFileEntry(entry).nevra.name),
    ]),
    weakDependencies: keyFileBoolean(file, OURS, 'weak-dependencies') ?? true,
    initramfs: readInitramfsRequest(file),
  };
}

/** Whether the origin asks for nothing but the base. */
export function isPureOrigin(origin: LayerOrigin): boolean {
  return asksForBaseTree(origin) && isInitramfsOfTree(origin.initramfs);
}

/** Whether the tree that the origin asks for is the base's: an initrd beside that of the tree changes none of it. */
export function asksForBaseTree(origin: LayerOrigin): boolean {
  const { requested, requestedLocal, groups, removals, replaceLocal, replaceRemote, initramfs } = origin;
  const lists = [requested, requestedLocal, groups, removals, replaceLocal, replaceRemote];
  return lists.every(({ length }) => length === 0) && !initramfs.regenerate;
}

/**
 * The origin of a new deployment: `refspec=` for the base itself, `baserefspec=` with the requests for a derived tree.
 * Groups go under [yum-ostree] only: rpm-ostree would take `@id` in [packages] for a package's name. The same holds for
 * package files, which it would look for in its own store; those that it layered itself stay where it reads them.
 */
export function writeLayerOrigin(previous: KeyFile | null, origin: LayerOrigin, name: string): KeyFile {
  const layered = !isPureOrigin(origin);
  let file = withoutGroup(previous ?? EMPTY_KEYFILE, 'libostree-transient');
  file = withKey(file, 'origin', 'refspec', layered ? null : origin.base);
  file = withKey(file, 'origin', 'baserefspec', layered ? origin.base : null);
  file = withKey(file, 'origin', 'override-commit', origin.overrideCommit);
  file = withList(file, ['packages', 'requested'], origin.requested);
  file = withList(file, ['overrides', 'remove'], origin.removals);
  file = withList(file, ['overrides', 'replace-local'], origin.replaceLocal);
  file = withList(file, ['overrides', 'replace'], byRepository(origin.replaceRemote));
  file = writeInitramfsRequest(file, origin.initramfs);
  file = withList(file, [OURS, 'groups'], origin.groups);
  file = withList(file, [OURS, 'removals'], origin.removals);
  const theirs = (key: string): string[] =>
    fileEntries(file, 'packages', key).filter((entry) => origin.requestedLocal.includes(entry));
  const [plain, replacing] = [theirs(THEIR_FILES), theirs(THEIR_REPLACING_FILES)];
  file = withList(file, ['packages', THEIR_FILES], plain);
  file = withList(file, ['packages', THEIR_REPLACING_FILES], replacing);
  const ours = origin.requestedLocal.filter((entry) => ![...plain, ...replacing].includes(entry));
  file = withList(file, [OURS, 'requested-local'], ours);
  file = withList(file, [OURS, 'replace-files'], layered ? origin.replaceFiles : []);
  const noWeak = layered && !origin.weakDependencies;
  file = withKey(file, OURS, 'weak-dependencies', noWeak ? false : null);
  file = withKey(file, OURS, 'tree-name', layered ? name : null);
  return withoutEmptyGroups(file, ['packages', 'overrides', 'rpmostree', OURS]);
}

/** The items that stand in the tree's name, given what each request resolved to. */
export function itemsOf(origin: LayerOrigin, packages: readonly string[]): TreeItems {
  return { groups: origin.groups, packages: sortedUnique(packages), removals: origin.removals };
}

/** `repo=ID,a,b`, as rpm-ostree writes it, taken apart. @throws UserError BAD_ORIGIN */
function remoteReplacements(entry: string): string[] {
  const [from = '', ...specs] = entry.split(',');
  const single = specs.length === 0 ? [entry] : specs.map((spec) => `${from},${spec}`);
  single.forEach(parseRemoteEntry);
  return single;
}

function byRepository(replacements: readonly string[]): string[] {
  return [...specsBySource(sortedUnique(replacements))].map(([from, specs]) => [from, ...specs].join(','));
}

/** Of a list of package files. @throws UserError BAD_ORIGIN for an entry that names none */
function fileEntries(file: KeyFile, group: string, key: string): string[] {
  const entries = keyFileList(file, group, key) ?? [];
  entries.forEach(parseFileEntry);
  return entries;
}

function withList(file: KeyFile, [group, key]: readonly [string, string], items: readonly string[]): KeyFile {
  return withKey(file, group, key, items.length === 0 ? null : sortedUnique(items));
}

function withoutEmptyGroups(file: KeyFile, groups: readonly string[]): KeyFile {
  return groups.reduce((kept, group) => {
    return keyFileKeys(kept, group).length === 0 ? withoutGroup(kept, group) : kept;
  }, file);
}

function overrideCommit(file: KeyFile): Checksum | null {
  const text = keyFileString(file, 'origin', 'override-commit');
  return text !== null && isChecksum(text) ? text : null;
}

function baseOf(file: KeyFile): string {
  const layered = keyFileString(file, 'origin', 'baserefspec');
  const pure = keyFileString(file, 'origin', 'refspec');
  const base = layered ?? pure;
  if (base === null || base === '') throw noBase(file);
  if (layered !== null && pure !== null)
    throw badBase(`the origin of the deployment has both refspec=${pure} and baserefspec=${layered}`);
  if (!isChecksum(base)) refuseMalformed(base);
  return base;
}

function refuseMalformed(base: string): void {
  try {
    parseRefspec(base);
  } catch (error) {
    throw badBase(`the base in the origin of the deployment cannot be one: ${messageOf(error)}`);
  }
}

function badBase(message: string): UserError {
  return new UserError('BAD_ORIGIN', message, { hint: "'ostree admin set-origin' gives it one ref" });
}

function noBase(file: KeyFile): UserError {
  const container = keyFileString(file, 'origin', 'container-image-reference');
  if (container !== null)
    return new UserError('BAD_ORIGIN', `the deployment comes from the container image ${container}`, {
      hint: 'packages can be layered only on OSTree commits: deploy one first',
    });
  return new UserError('BAD_ORIGIN', 'the origin of the deployment names neither refspec nor baserefspec', {
    hint: "'ostree admin set-origin' or 'ostree admin deploy REF' gives it one",
  });
}
