/** How `/boot` and the boot links hang together, also where they do not: what `fsck-boot` looks at. */
import type { BootPlace } from '#bootloader/boot-place.ts';
import { missingKernelFiles } from '#bootloader/install-kernel.ts';
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { blsValue, type BlsEntry } from '#ostree/format/bls.ts';
import { codeOf, messageOf } from '#ostree/format/errors.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { deploymentPath, parseDeploymentName, type Deployment } from '#ostree/sysroot/deployment.ts';
import { readKernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import { parseBootLink, readEntries, type Bit, type BootLink } from '#ostree/sysroot/load-state.ts';
import { bootFileOf } from '#bootloader/entries.ts';

/** A deployment's directory. */
export type DeploymentPlace = Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>;

export interface EntryView {
  /** Relative to the sysroot, with a leading slash. */
  readonly file: string;
  /** What its `ostree=` says; null where it has none that we know. */
  readonly link: BootLink | null;
  /** Where the boot link leads; null where that is no deployment. */
  readonly deployment: DeploymentPlace | null;
  /** Files in `/boot` that it names and that are not there, or not as large as in the deployment. */
  readonly missing: readonly string[];
  /** Why the deployment's tree has no kernel that could be put there; null where it has. */
  readonly treeError: string | null;
}

export interface BootView {
  /** null: `/boot/loader` leads to neither side. */
  readonly bootversion: Bit | null;
  /** `/boot/loader` is there, and no symbolic link. */
  readonly isLoaderOther: boolean;
  /** The sides with entries of ours. */
  readonly sides: readonly Bit[];
  /** null: `/ostree/boot.B` leads to neither set of links. Also null without a boot version. */
  readonly subbootversion: Bit | null;
  /** Sets of links in which every entry finds a deployment. */
  readonly wholeSets: readonly Bit[];
  /** Of the side in use, in the menu's order. */
  readonly entries: readonly EntryView[];
}

const BITS: readonly Bit[] = [0, 1];

/** Reads only. */
export function readBootView(place: BootPlace): BootView {
  const { sys, fd } = place;
  const bootversion = bitAfter(linkText(sys, fd, 'boot/loader'), 'loader.');
  const sides = BITS.filter((bit) => readEntries(sys, fd, bit).length > 0);
  const loader = sys.lstat(fd, 'boot/loader');
  const isLoaderOther = loader !== null && (loader.mode & S.IFMT) !== S.IFLNK;
  const found = { bootversion, isLoaderOther, sides };
  if (bootversion === null) return { ...found, subbootversion: null, wholeSets: [], entries: [] };
  const name = `boot.${bootversion}`;
  const entries = readEntries(sys, fd, bootversion).map((one) => viewOf(place, one));
  const links = entries.map(({ link }) => link);
  return {
    ...found,
    bootversion,
    subbootversion: bitAfter(linkText(sys, fd, `ostree/${name}`), `${name}.`),
    wholeSets: BITS.filter((bit) =>
      links.every((link) => link !== null && leadsTo(place, `ostree/${name}.${bit}`, link) !== null),
    ),
    entries,
  };
}

/** The deployment that a boot link of a set (`ostree/boot.0`, `ostree/boot.0.1`) leads to. */
function leadsTo({ sys, fd }: BootPlace, set: string, link: BootLink): DeploymentPlace | null {
  const path = `${set}/${link.stateroot}/${link.bootcsum}/${link.bootserial}`;
  const target = linkText(sys, fd, path);
  const found = target === null ? null : parseDeploymentName(target.slice(target.lastIndexOf('/') + 1));
  if (found === null) return null;
  const place = { stateroot: link.stateroot, ...found };
  const [reached, named] = [sys.stat(fd, path), sys.lstat(fd, deploymentPath(place))];
  const isThere = reached !== null && (reached.mode & S.IFMT) === S.IFDIR && reached.ino === named?.ino;
  return isThere ? place : null;
}

function viewOf(at: BootPlace, { file, bls }: { readonly file: string; readonly bls: BlsEntry }): EntryView {
  const path = kernelArgValue(parseKernelArgs(blsValue(bls, 'options') ?? ''), 'ostree');
  const link = path === null ? null : parseBootLink(path);
  const set = path?.split('/').slice(1, 3).join('/') ?? '';
  const deployment = link === null ? null : leadsTo(at, set, link);
  const missing = namedFiles(bls).filter((name) => at.sys.stat(at.fd, name) === null);
  const view = { file, link, deployment, missing, treeError: null };
  if (link === null || deployment === null) return view;
  try {
    const layout = withTree(at, deployment, (tree) => readKernelLayout(at.sys, tree));
    const facts = { deployment: { ...deployment, bootcsum: link.bootcsum }, layout };
    const lacking = missingKernelFiles(at, [facts]).map(({ target }) => target);
    return { ...view, missing: [...new Set([...missing, ...lacking])] };
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return { ...view, treeError: messageOf(error) };
  }
}

/** Runs `action` with the deployment's directory open. */
export function withTree<T>({ sys, fd }: BootPlace, deployment: DeploymentPlace, action: (tree: Fd) => T): T {
  const tree = sys.open(fd, deploymentPath(deployment), ['read', 'directory', 'nofollow']);
  try {
    return action(tree);
  } finally {
    sys.close(tree);
  }
}

/** Relative to the sysroot. */
function namedFiles({ fields }: BlsEntry): string[] {
  return fields
    .filter(([key]) => ['linux', 'initrd', 'devicetree', 'fdtdir'].includes(key))
    .map(([, path]) => bootFileOf(path));
}

function bitAfter(text: string | null, start: string): Bit | null {
  return text === `${start}0` ? 0 : text === `${start}1` ? 1 : null;
}

/** null also for what is no link. */
function linkText(sys: Syscalls, root: Fd, path: string): string | null {
  try {
    return sys.readlink(root, path);
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return null;
    throw error;
  }
}
