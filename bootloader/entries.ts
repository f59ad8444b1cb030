/** Deployments become boot entries: which files there are and what stands in them, as data. */
import {
  EMPTY_BLS,
  formatBlsFileName,
  withAddedInitrds,
  withBlsValue,
  type BlsEntry,
  type BootTries,
} from '#ostree/format/bls.ts';
import { formatKernelArgs, replaceKernelArg, type KernelArgs } from '#ostree/format/kernel-args.ts';
import { INITRD_OVERLAYS, type Deployment } from '#ostree/sysroot/deployment.ts';
import type { KernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';

/** A deployment with what its tree says; `bootserial` is assigned. */
export interface BootFacts {
  readonly deployment: Deployment;
  readonly layout: KernelLayout;
  /** PRETTY_NAME or ID of the tree's os-release. */
  readonly osName: string;
  /** The commit's `version`; null where it has none. */
  readonly version: string | null;
}

export interface EntrySettings {
  readonly bootversion: Bit;
  /** File names with the stateroot in them, as before ostree 2024.5. */
  readonly oldNames: boolean;
  /** `sysroot.bootprefix`: paths start with /boot. */
  readonly bootPrefix: boolean;
  /** `sysroot.boot-counting-tries` for new entries; null counts nothing. */
  readonly tries: number | null;
  /** `sysroot.bls-append-except-default`. */
  readonly exceptDefault: readonly (readonly [key: string, value: string])[];
}

export interface BootEntry {
  readonly fileName: string;
  readonly bls: BlsEntry;
}

const PREPARE_ROOT = '/usr/lib/ostree/ostree-prepare-root';

/** The entries in the order of the menu: the first boots by default. */
export function bootEntries(facts: readonly BootFacts[], settings: EntrySettings): BootEntry[] {
  const showStateroot = new Set(facts.map(({ deployment }) => deployment.stateroot)).size > 1;
  return facts.map((fact, index) => {
    const version = facts.length - index;
    const stateroot = settings.oldNames ? fact.deployment.stateroot : null;
    const tries = triesOf(fact.deployment, settings);
    return {
      fileName: formatBlsFileName({ version, stateroot, tries }),
      bls: blsOf(fact, settings, { index, version, showStateroot }),
    };
  });
}

/** Each deployment with its boot link's number: a count of those with the same kernel, in the list's order. */
export function assignBootserials<T extends Deployment>(deployments: readonly T[]): T[] {
  const counts = new Map<string, number>();
  return deployments.map((deployment) => {
    const bootserial = counts.get(deployment.bootcsum) ?? 0;
    counts.set(deployment.bootcsum, bootserial + 1);
    return { ...deployment, bootserial };
  });
}

/** `/ostree/boot.B/STATEROOT/BOOTCSUM/BOOTSERIAL`, the value of `ostree=`. */
export function bootLinkOf(deployment: Deployment, bootversion: Bit): string {
  const { stateroot, bootcsum, bootserial } = deployment;
  return `/ostree/boot.${bootversion}/${stateroot}/${bootcsum}/${bootserial}`;
}

/** The file that a path of an entry names, relative to the sysroot. With `sysroot.bootprefix` the path says /boot itself. */
export function bootFileOf(path: string): string {
  return path.startsWith('/boot/') ? path.slice(1) : `boot${path}`;
}

/** The directory of the kernel files, relative to /boot. */
export function kernelDirectory(deployment: Pick<Deployment, 'stateroot' | 'bootcsum'>): string {
  return `ostree/${deployment.stateroot}-${deployment.bootcsum}`;
}

function triesOf(deployment: Deployment, settings: EntrySettings): BootTries | null {
  const isNew = deployment.bls.fields.length === 0;
  if (!isNew) return deployment.tries;
  return settings.tries === null ? null : { left: settings.tries, used: 0 };
}

interface Position {
  readonly index: number;
  readonly version: number;
  readonly showStateroot: boolean;
}

function blsOf(fact: BootFacts, settings: EntrySettings, position: Position): BlsEntry {
  const { deployment, layout } = fact;
  const directory = `${settings.bootPrefix ? '/boot/' : '/'}${kernelDirectory(deployment)}`;
  const fileIn = (file: { readonly name: string } | null): string | null =>
    file === null ? null : `${directory}/${file.name}`;
  const { devicetree } = layout;
  const set: readonly (readonly [string, string | null])[] = [
    ['title', titleOf(fact, position)],
    ['version', String(position.version)],
    ['options', formatKernelArgs(kernelArgs(fact, settings.bootversion))],
    ['linux', fileIn(layout.kernel)],
    ['initrd', fileIn(layout.initramfs)],
    ['devicetree', devicetree?.kind === 'file' ? fileIn(devicetree) : null],
    ['fdtdir', devicetree?.kind === 'directory' ? fileIn(devicetree) : null],
    ...abootKeys(fact, directory),
    ...settings.exceptDefault.map(([key, value]) => [key, position.index === 0 ? null : value] as const),
  ];
  const start = deployment.bls.fields.length === 0 ? EMPTY_BLS : deployment.bls;
  const entry = set.reduce((found, [key, value]) => withBlsValue(found, key, value), start);
  const overlays = `${settings.bootPrefix ? '/boot/' : '/'}${INITRD_OVERLAYS}`;
  return withAddedInitrds(
    entry,
    (deployment.addedInitrds ?? []).map((checksum) => `${overlays}/${checksum}.img`),
  );
}

function titleOf({ osName, version, deployment }: BootFacts, position: Position): string {
  const name = version === null || osName.includes(version) ? osName : `${osName} ${version}`;
  const stateroot = position.showStateroot ? `${deployment.stateroot}:` : '';
  return `${name} (ostree:${stateroot}${position.index})`;
}

function kernelArgs({ deployment, layout }: BootFacts, bootversion: Bit): KernelArgs {
  const link = bootLinkOf(deployment, bootversion);
  const args =
    layout.initramfs === null
      ? replaceKernelArg(deployment.kargs, `init=${link}${PREPARE_ROOT}`)
      : deployment.kargs;
  return replaceKernelArg(args, `ostree=${link}`);
}

/** For Android boot images; their paths never get the boot prefix. */
function abootKeys({ deployment, layout }: BootFacts, directory: string): [string, string | null][] {
  if (layout.aboot === null) return [];
  const root = `/ostree/deploy/${deployment.stateroot}/deploy/${deployment.checksum}.${deployment.deployserial}`;
  const unprefixed = directory.startsWith('/boot/') ? directory.slice('/boot'.length) : directory;
  return [
    ['aboot', `${unprefixed}/${layout.aboot.name}`],
    ['abootcfg', `${root}/usr/lib/ostree-boot/aboot.cfg`],
  ];
}
