/** Makes a list of deployments the one that boots: everything on the inactive side, then one rename. */
import type { Fd } from '#native/syscalls.ts';
import { formatBls } from '#ostree/format/bls.ts';
import { metadataString } from '#ostree/format/commit.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { requireNewKernelArgs } from '#ostree/format/kernel-args.ts';
import { keyFileBoolean, keyFileString } from '#ostree/format/keyfile.ts';
import { loadCommitIfThere } from '#ostree/repo/objects.ts';
import { listBefore, writingBoot, type ListFacts } from '#bootloader/boot-space.ts';
import { writeBootLinks } from '#bootloader/boot-links.ts';
import { chooseBootloader, readBootloaderFacts, refuseVfat, type Bootloader } from '#bootloader/detect.ts';
import {
  assignBootserials,
  bootEntries,
  type BootEntry,
  type BootFacts,
  type EntrySettings,
} from '#bootloader/entries.ts';
import { markedEntries } from '#bootloader/fallback-entries.ts';
import { planMarks, prepareMarks, settledList, type MarkPlan } from '#bootloader/fallback-list.ts';
import { readFallback } from '#bootloader/fallback-state.ts';
import { fallbackTries } from '#bootloader/fallback-settings.ts';
import { copyForeignEntries } from '#bootloader/foreign-entries.ts';
import { installKernels } from '#bootloader/install-kernel.ts';
import { isSameList, needsNewEntries } from '#bootloader/list-policy.ts';
import { osReleaseName } from '#bootloader/os-release.ts';
import { syncAll, syncBoot, syncLinks } from '#bootloader/sync-boot.ts';
import { requirePartitionRoom } from '#bootloader/partition-check.ts';
import { mountedPartitionOf } from '#bootloader/mounted-partition.ts';
import {
  hasPartitionEntries,
  preparePartition,
  settlePartition,
  wantedEntries,
  type PartitionTarget,
} from '#bootloader/write-boot-partition.ts';
import { writeLoaderConfig, type GrubGenerator } from '#bootloader/write-loader-config.ts';
import { deploymentPath, isSameDeployment, type Deployment } from '#ostree/sysroot/deployment.ts';
import { writeDeploymentRefs } from '#ostree/sysroot/deployment-refs.ts';
import { removeUnusedKernels } from '#ostree/sysroot/cleanup.ts';
import { labelLikeDirectory } from '#ostree/sysroot/follow-label.ts';
import { touchDeploy } from '#ostree/sysroot/init-sysroot.ts';
import { readKernelLayout } from '#ostree/sysroot/kernel-layout.ts';
import type { Bit } from '#ostree/sysroot/load-state.ts';
import { keepOrClearSoftReboot } from '#ostree/sysroot/soft-reboot.ts';
import { removeStagedState } from '#ostree/sysroot/staged.ts';
import { reloadSysroot, type Sysroot } from '#ostree/sysroot/sysroot.ts';
import { makeDirectories, replaceFile, replaceSymlink, unlinkIfPresent } from '#ostree/sysroot/write-file.ts';

export interface WriteOptions {
  readonly generateGrub?: GrubGenerator;
}

export interface WriteResult {
  /** The sysroot as it is now. */
  readonly sysroot: Sysroot;
  /** 'none': the list was the same; 'links': only boot links were swapped; 'entries': the boot entries were. */
  readonly swap: 'none' | 'links' | 'entries';
  readonly bootloader: Bootloader;
  /** How many deployments more or less there are. */
  readonly countChange: number;
  /** For people, besides what was asked for. */
  readonly remarks: readonly string[];
}

/**
 * Writes the list. A staged deployment stays staged where it comes first in it, and is given up otherwise: not being
 * finished yet, it is no part of what is written. Until the rename that switches, the old entries and links are untouched: a crash leaves the old
 * list, plus files of the inactive side that the next call or cleanup replaces; after it the new one is complete.
 * @throws UserError BOOTED_REMOVED, SOFT_REBOOT, VFAT_BOOT, NO_BOOT_SPACE, NO_KERNEL, BAD_TREE, BAD_KARG
 */
export function writeDeployments(
  sysroot: Sysroot,
  list: readonly Deployment[],
  options: WriteOptions = {},
): WriteResult {
  refuseWithoutBooted(sysroot, list);
  for (const { kargs } of list) requireNewKernelArgs(kargs, sysroot.deployments);
  const partition = partitionTarget(sysroot);
  keepOrClearSoftReboot(sysroot, list);
  const before = sysroot.deployments.filter((deployment) => !deployment.isStaged);
  const fallback = readFallback(sysroot);
  const listed = settledList(
    fallback,
    list.filter((deployment) => !deployment.isStaged),
  );
  const after = assignBootserials(listed);
  const dropsStaged = sysroot.deployments[0]?.isStaged === true && list[0]?.isStaged !== true;
  const countChange = after.length - before.length;
  const bootloader = chooseBootloader(readBootloaderFacts(sysroot.sys, sysroot.fd, sysroot.repo.config));
  const plan = planMarks(sysroot, fallback, after);
  const notCounted =
    fallback.tries === null || fallback.problem === null ? [] : [`warning: ${fallback.problem}`];
  if (isSameList(before, after) && !plan.startsTrial) {
    if (dropsStaged) removeStagedState(sysroot.sys);
    if (partition !== null) settlePartition(sysroot, partition);
    const current = dropsStaged ? reloadSysroot(sysroot) : sysroot;
    return { sysroot: current, swap: 'none', bootloader, countChange, remarks: notCounted };
  }
  // Entries there may name the boot links that are written anew now.
  if (partition !== null && hasPartitionEntries(sysroot, partition)) settlePartition(sysroot, partition);
  const boot = openBoot(sysroot);
  try {
    refuseVfat(sysroot.sys, boot);
    const isOther = plan.tries !== null || needsNewEntries(before, after, (one) => versionOf(sysroot, one));
    const swap = isOther ? 'entries' : 'links';
    const first = swap === 'entries' ? listBefore(sysroot, kernelFacts(sysroot, after), boot) : null;
    if (first !== null) {
      const smaller = makeRoom(sysroot, first, options);
      const whole = writeDeployments(smaller, list, options);
      return { ...whole, countChange, remarks: [TWO_STEPS, ...whole.remarks] };
    }
    if (swap === 'links') swapLinks(sysroot, after);
    else
      during('writing boot entries', () =>
        writingBoot(sysroot, boot, () =>
          swapEntries(sysroot, after, { ...options, boot, bootloader, plan, partition }),
        ),
      );
    if (dropsStaged) removeStagedState(sysroot.sys);
    touchDeploy(sysroot.sys, sysroot.fd);
    const written = reloadSysroot(sysroot);
    if (swap === 'links' && partition !== null) settlePartition(written, partition);
    return { sysroot: written, swap, bootloader, countChange, remarks: notCounted };
  } finally {
    sysroot.sys.close(boot);
  }
}

const TWO_STEPS = 'Insufficient space left in bootfs; updating bootloader in two steps';

/** Only kernels go: a deployment that is to come is in no list yet. A crash leaves the smaller list. */
function makeRoom(sysroot: Sysroot, list: readonly Deployment[], options: WriteOptions): Sysroot {
  const written = writeDeployments(sysroot, list, options).sysroot;
  removeUnusedKernels(written);
  return written;
}

/**
 * Whether the kernels of a list that is to be written later fit into /boot now; false where they will, once those are
 * removed that go then. @throws UserError NO_BOOT_SPACE, BAD_TREE
 */
export function hasRoomNow(sysroot: Sysroot, list: readonly Deployment[], boot: Fd): boolean {
  return listBefore(sysroot, kernelFacts(sysroot, list), boot) === null;
}

function kernelFacts(sysroot: Sysroot, list: readonly Deployment[]): ListFacts[] {
  return list.map((deployment) => readBootFacts(sysroot, deployment));
}

/**
 * Brings the partition of systemd-boot, where there is one, to what the list says: after a run that ended too early.
 * @throws UserError BOOTLOADER, NO_BOOT_SPACE
 */
export function settleBootPartition(sysroot: Sysroot): void {
  const partition = partitionTarget(sysroot);
  if (partition !== null) settlePartition(sysroot, partition);
}

/**
 * Whether a list could be written to the partition of systemd-boot, once its kernels are in /boot.
 * @throws UserError NO_BOOT_SPACE, BOOTLOADER, BAD_REPO, BAD_TREE
 */
export function requireRoomForList(sysroot: Sysroot, list: readonly Deployment[]): void {
  const target = partitionTarget(sysroot);
  if (target === null) return;
  const after = assignBootserials(list.filter(({ isStaged }) => !isStaged));
  const facts = after.map((deployment) => readBootFacts(sysroot, deployment));
  const entries = bootEntries(facts, entrySettings(sysroot, other(sysroot.bootversion)));
  requirePartitionRoom(sysroot, target, wantedEntries(entries, after));
}

/** null where systemd-boot is not used. @throws UserError BOOTLOADER, BAD_REPO */
export function partitionTarget(sysroot: Sysroot): PartitionTarget | null {
  const path = mountedPartitionOf(sysroot);
  const tries = entrySettings(sysroot, sysroot.bootversion).tries ?? fallbackTries(sysroot.repo.config);
  return path === null ? null : { path, freshTries: tries === null ? null : { left: tries, used: 0 } };
}

/** The settings of the repository and the environment that entries follow. @throws UserError BAD_REPO */
export function entrySettings({ repo, options }: Sysroot, bootversion: Bit): EntrySettings {
  const tries = keyFileString(repo.config, 'sysroot', 'boot-counting-tries');
  return {
    bootversion,
    oldNames: options.opts.includes('bootloader-naming-1'),
    bootPrefix: keyFileBoolean(repo.config, 'sysroot', 'bootprefix') ?? false,
    tries: tries === null ? null : parseTries(tries),
    exceptDefault: (keyFileString(repo.config, 'sysroot', 'bls-append-except-default') ?? '')
      .split(';')
      .filter((pair) => pair.includes('='))
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  };
}

/** What the deployments' trees say, for their entries. */
export function readBootFacts(sysroot: Sysroot, deployment: Deployment): BootFacts {
  const { sys } = sysroot;
  return during(`deployment /${deploymentPath(deployment)}`, () => {
    const farm = sys.open(sysroot.fd, deploymentPath(deployment), ['read', 'directory', 'nofollow']);
    try {
      const text = sys.readText(farm, 'usr/lib/os-release') ?? sys.readText(farm, 'etc/os-release');
      if (text === null) throw new UserError('BAD_TREE', 'it has no usr/lib/os-release');
      const version = versionOf(sysroot, deployment);
      return {
        deployment,
        layout: readKernelLayout(sys, farm, sysroot.options.debug),
        osName: osReleaseName(text),
        version,
      };
    } finally {
      sys.close(farm);
    }
  });
}

function refuseWithoutBooted({ booted }: Sysroot, list: readonly Deployment[]): void {
  if (booted !== null && !list.some((deployment) => isSameDeployment(deployment, booted)))
    throw new UserError('BOOTED_REMOVED', 'Attempting to remove booted deployment');
}

/** The commit's version; null for a commit that is gone or has none. */
function versionOf(sysroot: Sysroot, { checksum }: Deployment): string | null {
  const commit = loadCommitIfThere(sysroot.repo, checksum);
  return commit === null ? null : (metadataString(commit, 'version') ?? null);
}

function parseTries(text: string): number {
  const tries = Number(text);
  if (!Number.isInteger(tries) || tries < 1 || tries > 5)
    throw new UserError('BAD_REPO', `sysroot.boot-counting-tries is '${text}', not 1 to 5`);
  return tries;
}

function openBoot({ sys, fd }: Sysroot): Fd {
  makeDirectories(sys, fd, 'boot');
  return sys.open(fd, 'boot', ['read', 'directory']);
}

/** From a file system or a kernel without RENAME_EXCHANGE. */
const CANNOT_EXCHANGE = ['EINVAL', 'ENOSYS', 'ENOTTY', 'EOPNOTSUPP'];

/** The same kernels with the same arguments: only the links to the deployments change. */
function swapLinks(sysroot: Sysroot, after: readonly Deployment[]): void {
  const { sys, fd, bootversion } = sysroot;
  const subbootversion = other(sysroot.subbootversion);
  writeBootLinks(sysroot, { bootversion, subbootversion }, after);
  writeDeploymentRefs(sysroot.repo, { bootversion, subbootversion }, after);
  syncLinks(sysroot);
  replaceSymlink(sys, fd, {
    path: `ostree/boot.${bootversion}`,
    target: `boot.${bootversion}.${subbootversion}`,
  });
  // What the old links named is removed after this.
  syncLinks(sysroot);
}

interface SwapOptions extends WriteOptions {
  readonly boot: Fd;
  readonly bootloader: Bootloader;
  readonly plan: MarkPlan;
  readonly partition: PartitionTarget | null;
}

function swapEntries(sysroot: Sysroot, after: readonly Deployment[], options: SwapOptions): void {
  const { sys, fd } = sysroot;
  const bootversion = other(sysroot.bootversion);
  const versions = { bootversion, subbootversion: freeSubbootversion(sysroot, bootversion) };
  const facts = after.map((deployment) => readBootFacts(sysroot, deployment));
  installKernels(sysroot, facts, options.boot);
  const settings = entrySettings(sysroot, bootversion);
  const { marks, counter } = options.plan;
  const entries = markedEntries(bootEntries(facts, settings), after, {
    marks,
    isInNames: counter === 'entries',
  });
  prepareMarks(sysroot, options.plan);
  writeEntryFiles(sysroot, bootversion, entries);
  copyForeignEntries(sysroot, sysroot.bootversion, bootversion);
  writeBootLinks(sysroot, versions, after);
  const link = {
    path: `ostree/boot.${bootversion}`,
    target: `boot.${bootversion}.${versions.subbootversion}`,
  };
  replaceSymlink(sys, fd, link);
  writeDeploymentRefs(sysroot.repo, versions, after);
  const { boot, bootloader, generateGrub } = options;
  const config = { bootloader, boot, bootversion, bootPrefix: settings.bootPrefix };
  // It may read the tree through the new links.
  writeLoaderConfig(sysroot, { ...config, entries: entries.map(({ bls }) => bls) }, generateGrub);
  const commitPartition =
    options.partition === null
      ? null
      : preparePartition(sysroot, options.partition, wantedEntries(entries, after));
  if (sys.readlink(fd, 'boot/boot') === null) sys.symlink('.', fd, 'boot/boot');
  unlinkIfPresent(sys, fd, 'boot/loader.tmp');
  sys.symlink(`loader.${bootversion}`, fd, 'boot/loader.tmp');
  labelLikeDirectory(sys, options.boot, ['boot', 'loader.tmp', `loader.${bootversion}`, 'ostree']);
  syncAll(sysroot, options.boot);
  swapLoaderLink(sysroot);
  syncBoot(sysroot, options.boot);
  // Where it is the old link, nothing on the disk leads through it now.
  unlinkIfPresent(sys, fd, 'boot/loader.tmp');
  commitPartition?.();
}

/**
 * Makes `loader.tmp` the link `loader`. The old link only changes its name, where the file system can do that: one that
 * is replaced is freed, and a boot loader that reads the disk without its journal may come by the old directory to
 * an inode that is free already. A crash leaves one of the two links, and maybe the other as `loader.tmp`.
 */
function swapLoaderLink({ sys, fd }: Sysroot): void {
  const [fresh, current] = ['boot/loader.tmp', 'boot/loader'];
  if (sys.readlink(fd, current) === null) return void sys.rename(fd, fresh, fd, current);
  try {
    sys.rename2(fd, fresh, fd, current, 'exchange');
  } catch (error) {
    if (!CANNOT_EXCHANGE.includes(codeOf(error) ?? '')) throw error;
    sys.rename(fd, fresh, fd, current);
  }
}

function writeEntryFiles({ sys, fd }: Sysroot, bootversion: Bit, entries: readonly BootEntry[]): void {
  const directory = `boot/loader.${bootversion}/entries`;
  sys.removeTree(fd, directory);
  makeDirectories(sys, fd, directory);
  for (const { fileName, bls } of entries)
    replaceFile(sys, fd, { path: `${directory}/${fileName}`, text: formatBls(bls) });
}

/** ostree takes 1 where nothing is there, and otherwise the one not pointed to. */
function freeSubbootversion({ sys, fd }: Sysroot, bootversion: Bit): Bit {
  const target = sys.readlink(fd, `ostree/boot.${bootversion}`);
  return target === `boot.${bootversion}.1` ? 0 : 1;
}

function other(bit: Bit): Bit {
  return bit === 0 ? 1 : 0;
}
