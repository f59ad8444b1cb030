/** What a physical root holds to boot from: the links that `ostree=` can name, and the deployments they lead to. */
import { ANDROID_TARGET, kernelArgument } from '#prepare-root/cmdline.ts';
import { resolveInSysroot } from '#prepare-root/resolve-in-sysroot.ts';
import { unlessFailing } from '#prepare-root/unless-failing.ts';
import { AT_FDCWD, S, type Syscalls } from '#native/syscalls.ts';

/** `/ostree/boot.B/STATEROOT/BOOTCSUM/SERIAL`, or an Android slot's `/ostree/root.S` (without the three). */
export interface BootLink {
  /** What `ostree=` would name. */
  readonly path: string;
  readonly stateroot: string;
  /** Of kernel and initramfs: deployments with the same one have the same kernel. */
  readonly bootcsum: string;
  /** Below the physical root; null where the link leads to nothing. */
  readonly deployment: string | null;
  /** Seconds since the epoch; 0 where it leads to nothing. */
  readonly changed: number;
}

export interface BootLinks {
  /** Whether there is an `/ostree` at all. */
  readonly ostree: boolean;
  /** By path. */
  readonly links: readonly BootLink[];
  /** Deployments that no link leads to, by path below the physical root. */
  readonly unlinked: readonly string[];
  /** Targets of the boot entries on the same file system, in the order of the menu; empty where `/boot` is another one. */
  readonly menu: readonly string[];
}

/** A damaged disk may hold any number of names. */
const MOST_NAMES = 1000;

/** Reads names and links only. What cannot be read counts as not there. @param sysroot without symlinks */
export function readBootLinks(sys: Syscalls, sysroot: string): BootLinks {
  const links = linkPaths(sys, sysroot).map((path) => bootLink(sys, sysroot, path));
  const linked = links.map((link) => link.deployment);
  const deployments = namesIn(sys, sysroot, '/ostree/deploy').flatMap((stateroot) => {
    const directory = `/ostree/deploy/${stateroot}/deploy`;
    return namesIn(sys, sysroot, directory)
      .map((name) => `${directory}/${name}`)
      .filter((path) => isDirectory(sys, sysroot, path));
  });
  return {
    ostree: isDirectory(sys, sysroot, '/ostree'),
    links,
    unlinked: deployments.filter((path) => !linked.includes(path)),
    menu: menuTargets(sys, sysroot),
  };
}

/** The words of a link's path after `/ostree/boot.B/`; empty where it is none. */
export function linkWords(path: string): string[] {
  const words = path.split('/').filter((word) => word !== '');
  const [ostree, boot, ...rest] = words;
  return ostree === 'ostree' && boot?.startsWith('boot.') === true ? rest : [];
}

function linkPaths(sys: Syscalls, sysroot: string): string[] {
  const boots = ['/ostree/boot.0', '/ostree/boot.1'].flatMap((boot) =>
    namesIn(sys, sysroot, boot).flatMap((stateroot) =>
      namesIn(sys, sysroot, `${boot}/${stateroot}`).flatMap((bootcsum) =>
        namesIn(sys, sysroot, `${boot}/${stateroot}/${bootcsum}`).map(
          (serial) => `${boot}/${stateroot}/${bootcsum}/${serial}`,
        ),
      ),
    ),
  );
  const slots = [`${ANDROID_TARGET}a`, `${ANDROID_TARGET}b`];
  return [...boots, ...slots].filter((path) => isLink(sys, sysroot, path)).slice(0, MOST_NAMES);
}

function bootLink(sys: Syscalls, sysroot: string, path: string): BootLink {
  const [stateroot = '', bootcsum = ''] = linkWords(path);
  const led = resolveInSysroot(sys, sysroot, path);
  const found = led.kind === 'found' && (led.stat.mode & S.IFMT) === S.IFDIR;
  const there = found ? { deployment: led.path, changed: led.stat.mtime } : { deployment: null, changed: 0 };
  return { path, stateroot, bootcsum, ...there };
}

/** An entry's order is that of its `version`, highest first. */
function menuTargets(sys: Syscalls, sysroot: string): string[] {
  const entries = namesIn(sys, sysroot, '/boot/loader/entries')
    .filter((name) => name.startsWith('ostree-') && name.endsWith('.conf'))
    .map((name) => entryFields(textOf(sys, sysroot, `/boot/loader/entries/${name}`)));
  return entries
    .toSorted((a, b) => b.version - a.version)
    .map((entry) => entry.target)
    .filter((target) => target !== null);
}

function entryFields(text: string): { readonly version: number; readonly target: string | null } {
  const value = (key: string): string =>
    text
      .split('\n')
      .find((line) => line.startsWith(`${key} `))
      ?.slice(key.length + 1) ?? '';
  return { version: Number(value('version')) || 0, target: kernelArgument(value('options'), 'ostree') };
}

function textOf(sys: Syscalls, sysroot: string, path: string): string {
  const found = resolveInSysroot(sys, sysroot, path);
  if (found.kind === 'failed' || (found.stat.mode & S.IFMT) !== S.IFREG || found.stat.size > 1 << 20)
    return '';
  return unlessFailing('', () => sys.readText(AT_FDCWD, sysroot + found.path) ?? '');
}

/** By name; none where it cannot be read. */
function namesIn(sys: Syscalls, sysroot: string, path: string): string[] {
  const found = resolveInSysroot(sys, sysroot, path);
  if (found.kind === 'failed') return [];
  const names = unlessFailing([], () => sys.readdir(AT_FDCWD, sysroot + found.path));
  return names.slice(0, MOST_NAMES).map((entry) => entry.name);
}

function isDirectory(sys: Syscalls, sysroot: string, path: string): boolean {
  const found = resolveInSysroot(sys, sysroot, path, 'itself');
  return found.kind === 'found' && (found.stat.mode & S.IFMT) === S.IFDIR;
}

function isLink(sys: Syscalls, sysroot: string, path: string): boolean {
  const found = resolveInSysroot(sys, sysroot, path, 'itself');
  return found.kind === 'found' && (found.stat.mode & S.IFMT) === S.IFLNK;
}
