/**
 * Mends `/boot` and the boot links as far as it is clear what they should be. Entries are never changed; one that boots
 * nothing is set aside.
 */
import { writeBootLinks, type LinkedDeployment } from '#bootloader/boot-links.ts';
import type { BootPlace } from '#bootloader/boot-place.ts';
import {
  readBootView,
  withTree,
  type BootView,
  type DeploymentPlace,
  type EntryView,
} from '#bootloader/boot-view.ts';
import { installKernels, missingKernelFiles } from '#bootloader/install-kernel.ts';
import type { Fd } from '#native/syscalls.ts';
import { codeOf } from '#ostree/format/errors.ts';
import { bootedAmong, isBootedSysroot } from '#ostree/sysroot/booted.ts';
import { deploymentName, parseDeploymentName } from '#ostree/sysroot/deployment.ts';
import { bootChecksum, readKernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import type { Bit, BootLink } from '#ostree/sysroot/load-state.ts';
import { replaceSymlink } from '#ostree/sysroot/write-file.ts';

/**
 * Each step is one rename, after its files were synced: a crash leaves what was mended so far.
 * @returns a line for each thing that was mended; look again for what is left
 * @throws UserError NO_BOOT_SPACE
 */
export function repairBoot(place: BootPlace): string[] {
  return [...relinkLoader(place), ...setAside(place), ...relinkDeployments(place), ...putKernels(place)];
}

/** Where only one side has entries, it is the one. */
function relinkLoader(place: BootPlace): string[] {
  const { bootversion, isLoaderOther, sides } = readBootView(place);
  const [only, second] = sides;
  if (bootversion !== null || isLoaderOther || only === undefined || second !== undefined) return [];
  sync(place, 'boot');
  replaceSymlink(place.sys, place.fd, { path: 'boot/loader', target: `loader.${only}` });
  sync(place, 'boot');
  return [`/boot/loader leads to loader.${only}`];
}

/**
 * Entries that say nothing of a deployment, or of one that is gone: with them nobody can read the list. Only where
 * others are left, among them that of the deployment that runs.
 */
function setAside(place: BootPlace): string[] {
  const { entries } = readBootView(place);
  const dead = entries.filter((entry) => isDead(place, entry));
  const others = entries.filter((entry) => !dead.includes(entry));
  if (dead.length === 0 || others.length === 0 || !hasRunning(place, others)) return [];
  const said = dead.map(({ file }) => {
    place.sys.rename(place.fd, file.slice(1), place.fd, `${file.slice(1)}.damaged`);
    return `${file} set aside as ${file.slice(file.lastIndexOf('/') + 1)}.damaged: it boots nothing`;
  });
  sync(place, 'boot');
  return said;
}

function isDead(place: BootPlace, { link, deployment }: EntryView): boolean {
  return link === null || (deployment === null && candidates(place, link).length === 0);
}

function hasRunning(place: BootPlace, entries: readonly EntryView[]): boolean {
  if (!isBootedSysroot(place.sys, place.fd)) return true;
  const deployments = entries.flatMap(({ deployment }) => deployment ?? []);
  return bootedAmong(place.sys, place.fd, deployments) !== undefined;
}

function relinkDeployments(place: BootPlace): string[] {
  const view = readBootView(place);
  const { bootversion, subbootversion, wholeSets } = view;
  if (bootversion === null || view.entries.length === 0) return [];
  if (subbootversion !== null && wholeSets.includes(subbootversion)) return [];
  const [whole] = wholeSets;
  if (whole !== undefined) {
    const said = `/ostree/boot.${bootversion} leads to boot.${bootversion}.${whole}`;
    return switchLinks(place, { bootversion, subbootversion: whole }, said);
  }
  const linked = linkedDeployments(place, view);
  if (linked === null) return [];
  const fresh: Bit = subbootversion === 1 ? 0 : 1;
  writeBootLinks(place, { bootversion, subbootversion: fresh }, linked);
  const names = linked.map((one) => `${one.stateroot} ${deploymentName(one)}`);
  return switchLinks(
    place,
    { bootversion, subbootversion: fresh },
    `boot links written for ${names.join(', ')}`,
  );
}

function switchLinks(
  place: BootPlace,
  { bootversion, subbootversion }: { readonly bootversion: Bit; readonly subbootversion: Bit },
  said: string,
): string[] {
  const name = `boot.${bootversion}`;
  sync(place, 'ostree');
  replaceSymlink(place.sys, place.fd, { path: `ostree/${name}`, target: `${name}.${subbootversion}` });
  sync(place, 'ostree');
  return [said];
}

/** One for each entry; null where that is not clear for one of them. */
function linkedDeployments(place: BootPlace, { entries }: BootView): LinkedDeployment[] | null {
  const taken = new Set(
    entries.flatMap(({ deployment }) => (deployment === null ? [] : [keyOf(deployment)])),
  );
  const linked = entries.map(({ link, deployment }) => {
    if (link === null) return null;
    const found = deployment ?? onlyCandidate(place, link, taken);
    if (found === null) return null;
    taken.add(keyOf(found));
    return { ...found, bootcsum: link.bootcsum, bootserial: link.bootserial };
  });
  const known = linked.filter((one) => one !== null);
  return known.length === linked.length ? known : null;
}

function keyOf(deployment: DeploymentPlace): string {
  return `${deployment.stateroot}/${deploymentName(deployment)}`;
}

/** The only deployment that has the link's kernel and that no other entry boots. */
function onlyCandidate(place: BootPlace, link: BootLink, taken: ReadonlySet<string>): DeploymentPlace | null {
  const [only, second] = candidates(place, link).filter((one) => !taken.has(keyOf(one)));
  return second === undefined ? (only ?? null) : null;
}

/** The deployments of the stateroot that have the link's kernel. */
function candidates(place: BootPlace, { stateroot, bootcsum }: BootLink): DeploymentPlace[] {
  const directory = `ostree/deploy/${stateroot}/deploy`;
  if (place.sys.stat(place.fd, directory) === null) return [];
  return place.sys
    .readdir(place.fd, directory)
    .flatMap(({ name, kind }) => {
      const named = kind === 'directory' ? parseDeploymentName(name) : null;
      return named === null ? [] : [{ stateroot, ...named }];
    })
    .filter((one) => kernelOf(place, one) === bootcsum);
}

/** null for a tree without one. */
function kernelOf(place: BootPlace, deployment: DeploymentPlace): string | null {
  const { sys } = place;
  try {
    return withTree(place, deployment, (tree) => bootChecksum(sys, tree, readKernelLayout(sys, tree)));
  } catch (error) {
    if (codeOf(error) !== 'NO_KERNEL' && codeOf(error) !== 'BAD_KERNEL') throw error;
    return null;
  }
}

/** From the deployments that the boot links lead to, which may have been mended just now. */
function putKernels(place: BootPlace): string[] {
  const { sys, fd } = place;
  const boot = sys.open(fd, 'boot', ['read', 'directory']);
  try {
    return readBootView(place).entries.flatMap((entry) => putKernel(place, entry, boot));
  } finally {
    sys.close(boot);
  }
}

function putKernel(place: BootPlace, entry: EntryView, boot: Fd): string[] {
  const { link, deployment, missing, treeError } = entry;
  if (link === null || deployment === null || missing.length === 0 || treeError !== null) return [];
  const layout = withTree(place, deployment, (tree) => readKernelLayout(place.sys, tree));
  const facts = { deployment: { ...deployment, bootcsum: link.bootcsum }, layout };
  const put = missingKernelFiles(place, [facts]).map(({ target }) => `/${target} put there anew`);
  installKernels(place, [facts], boot);
  place.sys.syncfs(boot);
  return put;
}

function sync({ sys, fd }: BootPlace, directory: 'boot' | 'ostree'): void {
  const opened = sys.open(fd, directory, ['read', 'directory']);
  try {
    sys.syncfs(opened);
  } finally {
    sys.close(opened);
  }
}
