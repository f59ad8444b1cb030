/** The kernel of a tree that is composed: one, in `usr/lib/modules/VERSION`, whatever its packages bring. */
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { UserError } from '#ostree/format/errors.ts';
import type { MutableTree } from '#ostree/repo/mutable-tree.ts';

export interface TreeKernel {
  readonly version: string;
  /** The objects of the image and of the initramfs that lies beside it. */
  readonly image: Checksum;
  readonly initramfs: Checksum | null;
}

export interface SettledKernel {
  /** null: neither the base nor the packages have one. */
  readonly kernel: TreeKernel | null;
  /** The base has not this one. */
  readonly isNew: boolean;
  /** The base boots with an initramfs. */
  readonly baseHasInitramfs: boolean;
}

export const MODULES = 'usr/lib/modules';
/** Where the files of packages in /boot lie, and kernels of old trees. */
export const BOOT = 'usr/lib/ostree-boot';
const LEGACY_PLACES = [BOOT, 'boot'];
const LEGACY_NAMES = ['vmlinuz-', 'initramfs-', 'initrd-', 'devicetree-'];
const INITRAMFS = ['initramfs.img', 'initramfs'];
const MODULE = /\.ko(\.(gz|xz|zst))?$/;

/** Whether something changed that kernels are made of. */
export function touchesKernel(changed: readonly string[]): boolean {
  return changed.some((path) => path.startsWith(`${MODULES}/`) || path.startsWith(`${BOOT}/`));
}

/** Whether modules of this kernel came, went or changed. */
export function touchesModules(changed: readonly string[], version: string): boolean {
  return changed.some((path) => path.startsWith(`${MODULES}/${version}/`) && MODULE.test(path));
}

export function modulesDirectory(version: string): string {
  return `${MODULES}/${version}`;
}

/**
 * Leaves one kernel in the tree, the one that is not the base's where there is such a one, with nothing of another's:
 * what depmod and dracut made goes too. An image that a package has in /boot comes to its modules.
 * `getsInitramfs`: one is made for the base's kernel, which then lies where that goes.
 * @throws UserError SEVERAL_KERNELS where packages bring two, NO_KERNEL where the base's went and none came
 */
export function settleKernel(tree: MutableTree, base: MutableTree, getsInitramfs = false): SettledKernel {
  placeImages(tree, base);
  const before = kernelsOf(base);
  const now = kernelsOf(tree);
  const fresh = now.filter((one) => !before.some((old) => isSame(one, old)));
  const [kernel, second] = fresh;
  if (second !== undefined) throw severalKernels(fresh);
  const baseHasInitramfs = before.some(({ initramfs }) => initramfs !== null) || hasLegacyInitramfs(base);
  if (kernel === undefined) {
    if (now.length === 0 && before.length > 0) throw noKernel(before);
    if (getsInitramfs) leaveLegacyPlaces(tree, now.length === 0);
    return { kernel: kernelsOf(tree)[0] ?? null, isNew: false, baseHasInitramfs };
  }
  for (const { version } of [...before, ...now])
    if (version !== kernel.version) tree.remove(modulesDirectory(version));
  leaveLegacyPlaces(tree, false);
  const old = before.find(({ version }) => version === kernel.version);
  const stale = old !== undefined && old.initramfs === kernel.initramfs;
  if (stale) for (const name of INITRAMFS) tree.remove(`${modulesDirectory(kernel.version)}/${name}`);
  const initramfs = stale ? null : kernel.initramfs;
  return { kernel: { ...kernel, initramfs }, isNew: true, baseHasInitramfs };
}

/** Those with an image in `usr/lib/modules`. */
export function kernelsOf(tree: MutableTree): TreeKernel[] {
  const modules = tree.get(MODULES);
  if (modules?.kind !== 'directory') return [];
  return modules.tree.entries().flatMap(([version, entry]) => {
    if (entry.kind !== 'directory') return [];
    const image = fileOf(entry.tree, 'vmlinuz');
    if (image === null) return [];
    const initramfs = INITRAMFS.map((name) => fileOf(entry.tree, name)).find((file) => file !== null);
    return [{ version, image, initramfs: initramfs ?? null }];
  });
}

/** `vmlinuz-VERSION` and its companions that a package has in /boot go to its modules, in the place of the base's. */
function placeImages(tree: MutableTree, base: MutableTree): void {
  for (const [name, checksum] of filesIn(tree, BOOT)) {
    if (fileOf(base, `${BOOT}/${name}`) === checksum) continue;
    const [, dot = '', kind = '', version = ''] = PLACED.exec(name) ?? [];
    const directory = modulesDirectory(version);
    if (version === '' || isLegacy(name) || tree.get(directory)?.kind !== 'directory') continue;
    const target = `${directory}/${PLACES[dot + kind] ?? name}`;
    const there = fileOf(tree, target);
    if (there === null || there === fileOf(base, target)) tree.setFile(target, checksum);
    tree.remove(`${BOOT}/${name}`);
    const rest = tree.get(BOOT);
    if (rest?.kind === 'directory' && rest.tree.entries().length === 0) tree.remove(BOOT);
  }
}

const PLACED = /^(\.?)(vmlinuz|initramfs)-(.+?)(?:\.img|\.hmac)?$/;
const PLACES: Readonly<Record<string, string>> = {
  vmlinuz: 'vmlinuz',
  initramfs: 'initramfs.img',
  '.vmlinuz': '.vmlinuz.hmac',
};

/** Takes away kernels as old trees have them, which would be booted instead; or brings one to its modules first. */
function leaveLegacyPlaces(tree: MutableTree, keep: boolean): void {
  for (const place of LEGACY_PLACES)
    for (const [name, checksum] of filesIn(tree, place)) {
      if (!isLegacy(name)) continue;
      const version = name.slice('vmlinuz-'.length, -65);
      const directory = modulesDirectory(version);
      if (keep && name.startsWith('vmlinuz-') && tree.get(directory)?.kind === 'directory')
        tree.setFile(`${directory}/vmlinuz`, checksum);
      tree.remove(`${place}/${name}`);
    }
}

function hasLegacyInitramfs(tree: MutableTree): boolean {
  return LEGACY_PLACES.some((place) =>
    filesIn(tree, place).some(([name]) => isLegacy(name) && name.startsWith('init')),
  );
}

/** `vmlinuz-VERSION-CHECKSUM` and its companions. */
function isLegacy(name: string): boolean {
  return (
    LEGACY_NAMES.some((start) => name.startsWith(start)) &&
    isChecksum(name.slice(-64)) &&
    name.at(-65) === '-'
  );
}

function filesIn(tree: MutableTree, path: string): (readonly [name: string, checksum: Checksum])[] {
  const directory = tree.get(path);
  if (directory?.kind !== 'directory') return [];
  return directory.tree
    .entries()
    .flatMap(([name, entry]) => (entry.kind === 'file' ? [[name, entry.checksum] as const] : []));
}

function fileOf(tree: MutableTree, path: string): Checksum | null {
  const entry = tree.get(path);
  return entry?.kind === 'file' ? entry.checksum : null;
}

function isSame(one: TreeKernel, other: TreeKernel): boolean {
  return one.version === other.version && one.image === other.image;
}

function severalKernels(kernels: readonly TreeKernel[]): UserError {
  const versions = kernels.map(({ version }) => version).join(', ');
  return new UserError('SEVERAL_KERNELS', `the packages bring several kernels, a tree has one: ${versions}`, {
    hint: 'leave out the packages of all but one',
  });
}

function noKernel(before: readonly TreeKernel[]): UserError {
  const versions = before.map(({ version }) => version).join(', ');
  return new UserError(
    'NO_KERNEL',
    `the tree would have no kernel: that of the base, ${versions}, is left out`,
    {
      hint: "'--install PACKAGE' brings another one in the same step",
    },
  );
}
