/** Where a tree keeps its kernel, and the checksum that names it. */
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';

/** A file of the tree and the name it gets below `/boot/ostree/OS-BOOTCSUM/`. */
export interface KernelFile {
  /** Relative to the deployment. */
  readonly source: string;
  readonly name: string;
}

export interface KernelLayout {
  readonly version: string;
  /** Known without hashing where the file names carry it (the layout of ostree before 2016). */
  readonly namedChecksum: Checksum | null;
  readonly kernel: KernelFile;
  readonly initramfs: KernelFile | null;
  readonly devicetree: (KernelFile & { readonly kind: 'file' | 'directory' }) | null;
  readonly hmac: KernelFile | null;
  readonly aboot: KernelFile | null;
}

const MODULES = 'usr/lib/modules';
const LEGACY_DIRECTORIES = ['usr/lib/ostree-boot', 'boot'];

/**
 * @param debug the words of `OSTREE_SYSROOT_DEBUG`; with `no-dtb` the device trees of modules are passed over, as in ostree
 * @throws UserError NO_KERNEL, BAD_KERNEL
 */
export function readKernelLayout(sys: Syscalls, deployment: Fd, debug: readonly string[] = []): KernelLayout {
  const found = readModulesLayout(sys, deployment);
  const modules = found !== null && debug.includes('no-dtb') ? { ...found, devicetree: null } : found;
  const legacy = readLegacyLayout(sys, deployment);
  const layout =
    modules === null || (legacy?.initramfs != null && modules.initramfs === null) ? legacy : modules;
  if (layout === null)
    throw new UserError(
      'NO_KERNEL',
      'Failed to find kernel in /usr/lib/modules, /usr/lib/ostree-boot or /boot',
      {
        hint: 'the tree needs usr/lib/modules/VERSION/vmlinuz',
      },
    );
  return layout;
}

/** SHA-256 over kernel, initramfs and device tree (a file, or all of a directory, entries sorted bytewise). */
export function bootChecksum(sys: Syscalls, deployment: Fd, layout: KernelLayout): Checksum {
  if (layout.namedChecksum !== null) return layout.namedChecksum;
  const hash = sys.sha256();
  const files = [layout.kernel, layout.initramfs].filter((file) => file !== null).map(({ source }) => source);
  for (const path of [...files, ...devicetreeFiles(sys, deployment, layout)])
    hashFile(sys, deployment, path, hash);
  return hash.digest() as Checksum;
}

function hashFile(sys: Syscalls, dir: Fd, path: string, hash: { update(bytes: Uint8Array): void }): void {
  const fd = sys.open(dir, path, ['read']);
  try {
    for (;;) {
      const chunk = sys.read(fd, 1 << 20);
      if (chunk.length === 0) return;
      hash.update(chunk);
    }
  } finally {
    sys.close(fd);
  }
}

function devicetreeFiles(sys: Syscalls, deployment: Fd, { devicetree }: KernelLayout): string[] {
  if (devicetree === null) return [];
  return devicetree.kind === 'file' ? [devicetree.source] : filesBelow(sys, deployment, devicetree.source);
}

/** Depth first, in byte order; what is neither file nor directory is passed over. */
export function filesBelow(sys: Syscalls, dir: Fd, path: string): string[] {
  return sys.readdir(dir, path).flatMap(({ name, kind }) => {
    const child = `${path}/${name}`;
    if (kind === 'directory') return filesBelow(sys, dir, child);
    return kind === 'file' ? [child] : [];
  });
}

function readModulesLayout(sys: Syscalls, deployment: Fd): KernelLayout | null {
  if (sys.stat(deployment, MODULES) === null) return null;
  const version = sys
    .readdir(deployment, MODULES)
    .find(({ name }) => isRegular(sys, deployment, `${MODULES}/${name}/vmlinuz`))?.name;
  if (version === undefined) return null;
  const optional = (file: string, name: string): KernelFile | null => {
    const source = `${MODULES}/${version}/${file}`;
    return isRegular(sys, deployment, source) ? { source, name } : null;
  };
  const initramfs = `initramfs-${version}.img`;
  return {
    version,
    namedChecksum: null,
    kernel: { source: `${MODULES}/${version}/vmlinuz`, name: `vmlinuz-${version}` },
    initramfs: optional('initramfs.img', initramfs) ?? optional('initramfs', initramfs),
    devicetree: readDevicetree(sys, deployment, version, optional('devicetree', `devicetree-${version}`)),
    hmac: optional('.vmlinuz.hmac', `.vmlinuz-${version}.hmac`),
    aboot: optional('aboot.img', `aboot-${version}.img`),
  };
}

function readDevicetree(
  sys: Syscalls,
  deployment: Fd,
  version: string,
  file: KernelFile | null,
): KernelLayout['devicetree'] {
  if (file !== null) return { ...file, kind: 'file' };
  const source = `${MODULES}/${version}/dtb`;
  const stat = sys.lstat(deployment, source);
  const isDirectory = stat !== null && (stat.mode & S.IFMT) === S.IFDIR;
  return isDirectory ? { source, name: 'dtb', kind: 'directory' } : null;
}

/** `vmlinuz-VERSION-CHECKSUM` and its companions; the checksum is taken on trust, as ostree does. */
function readLegacyLayout(sys: Syscalls, deployment: Fd): KernelLayout | null {
  const directory = LEGACY_DIRECTORIES.find((path) => isDirectory(sys, deployment, path));
  if (directory === undefined) return null;
  const names = sys.readdir(deployment, directory).map(({ name }) => name);
  const kernel = namedPart(names, 'vmlinuz-');
  if (kernel === null) return null;
  const initramfs = namedPart(names, 'initramfs-') ?? namedPart(names, 'initrd-');
  const devicetree = namedPart(names, 'devicetree-');
  requireSameChecksum(kernel, initramfs, 'Mismatched kernel checksum vs initrd in tree');
  requireSameChecksum(kernel, devicetree, 'Mismatched kernel checksum vs device tree in tree');
  const file = (part: NamedPart): KernelFile => ({ source: `${directory}/${part.file}`, name: part.name });
  return {
    version: kernel.name.slice('vmlinuz-'.length),
    namedChecksum: kernel.checksum,
    kernel: file(kernel),
    initramfs: initramfs === null ? null : file(initramfs),
    devicetree: devicetree === null ? null : { ...file(devicetree), kind: 'file' },
    hmac: null,
    aboot: null,
  };
}

interface NamedPart {
  readonly file: string;
  /** The file's name without its checksum. */
  readonly name: string;
  readonly checksum: Checksum;
}

function namedPart(names: readonly string[], prefix: string): NamedPart | null {
  for (const file of names) {
    const dash = file.lastIndexOf('-');
    const checksum = file.slice(dash + 1);
    if (file.startsWith(prefix) && dash >= prefix.length - 1 && isChecksum(checksum))
      return { file, name: file.slice(0, dash), checksum };
  }
  return null;
}

function requireSameChecksum(kernel: NamedPart, other: NamedPart | null, message: string): void {
  if (other !== null && other.checksum !== kernel.checksum)
    throw new UserError('BAD_KERNEL', `${message}: ${kernel.file}, ${other.file}`);
}

/** A symlink to a regular file counts. */
function isRegular(sys: Syscalls, dir: Fd, path: string): boolean {
  const stat = sys.stat(dir, path);
  return stat !== null && (stat.mode & S.IFMT) === S.IFREG;
}

function isDirectory(sys: Syscalls, dir: Fd, path: string): boolean {
  const stat = sys.lstat(dir, path);
  return stat !== null && (stat.mode & S.IFMT) === S.IFDIR;
}
