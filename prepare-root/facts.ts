/** What prepare-root looks at before it decides: read once, before anything is changed. */
import { isBootOnRoot } from '#prepare-root/boot-on-root.ts';
import { findOstreeTarget, ostreeTarget } from '#prepare-root/cmdline.ts';
import { CONFIG_FILES, rootConfig, type ConfigFile, type RootConfig } from '#prepare-root/config.ts';
import { findDeployment, refuseBroken } from '#prepare-root/find-deployment.ts';
import { backingDevice } from '#prepare-root/backing-device.ts';
import { readPublicKeys, readTrustedDigest } from '#prepare-root/signed-image.ts';
import { reasonOf } from '#prepare-root/reason.ts';
import { UserError } from '#ostree/format/errors.ts';
import { keyFileBoolean, parseKeyFile } from '#ostree/format/keyfile.ts';
import { AT_FDCWD, ST_RDONLY, type Syscalls } from '#native/syscalls.ts';

/** In the initramfs: leave `/var` to no unit. The generator of the real root removes it. */
export const MOUNT_VAR_MARKER = '/run/ostree/initramfs-mount-var';

/** The composefs image of a deployment, in its directory. */
export const IMAGE = '.ostree.cfs';

/** Facts that are given rather than read. */
export interface FactOptions {
  /** Where the physical root is mounted. */
  readonly sysroot: string;
  /** The kernel command line; null: `/proc/cmdline`. */
  readonly cmdline: string | null;
  /** Instead of the initramfs' own; they must exist. null: those. */
  readonly configFiles: readonly string[] | null;
  /** The link to the deployment, instead of the one that the kernel command line names. */
  readonly target?: string;
  /** `/proc` was mounted by this program, for the time that it runs. */
  readonly ownProc?: boolean;
}

export interface BootFacts {
  /** The physical root without symlinks: '/sysroot', or '/' where this program is the init of a machine without initramfs. */
  readonly sysroot: string;
  /** The deployment's path below `sysroot`, with a leading slash. */
  readonly deployment: string;
  /** st_dev and st_ino of the deployment's directory. */
  readonly device: number;
  readonly inode: number;
  readonly config: RootConfig;
  /** `[sysroot] readonly=true` in the repository's configuration, where ostree before 2023.6 kept it. */
  readonly legacyReadonly: boolean;
  /** Whether the physical root is mounted writable now. */
  readonly writable: boolean;
  /** The deployment was unlocked with `ostree admin unlock --hotfix`. */
  readonly hotfix: boolean;
  readonly hasComposefsImage: boolean;
  /** `/boot` is a directory of the physical root and of the deployment, and no file system of its own. */
  readonly bootOnRoot: boolean;
  /** The fs-verity digest that a signed commit says the image has; null where no signature is asked for. */
  readonly imageDigest: Uint8Array | null;
  /** '/dev/block/MAJOR:MINOR' below the physical root; null where composefs is not asked for, or there is none. */
  readonly backingDevice: string | null;
  readonly mountVarMarker: boolean;
  /** Process 1. */
  readonly isInit: boolean;
  /** As in `FactOptions`. */
  readonly ownProc: boolean;
  /** The system that runs now is the deployment itself. */
  readonly isRunning: boolean;
  /** `KEY=value`, as the kernel gave them to process 1. */
  readonly environment: readonly string[];
  /** Of the folder that holds a transient `/etc`'s changes: different at every run. */
  readonly uniqueSuffix: string;
}

/** @throws UserError that says which file or link is missing or wrong */
export function readFacts(sys: Syscalls, options: FactOptions): BootFacts {
  const { cmdline, config, from } = readBootConfig(sys, options);
  const keys = config.keyFile === null ? [] : readPublicKeys(sys, from + config.keyFile);
  const target = options.target ?? ostreeTarget(cmdline);
  const sysroot = resolvePath(sys, options.sysroot);
  const { path, stat } = findDeployment(sys, sysroot, target);
  const deployment = sysroot === '/' ? path : sysroot + path;
  const wantsImage = config.composefs !== 'no';
  const hasComposefsImage = wantsImage && sys.lstat(AT_FDCWD, `${deployment}/${IMAGE}`) !== null;
  const mountVarMarker = sys.lstat(AT_FDCWD, MOUNT_VAR_MARKER) !== null;
  const isInit = sys.getpid() === 1;
  const legacy = wantsLegacyFlag(config) && legacyReadonly(sys, sysroot);
  const readonlySysroot = config.sysrootReadonly || legacy;
  const hotfix = sys.lstat(AT_FDCWD, `${deployment}/.usr-ovl-work`) !== null;
  const mountsVar = mountVarMarker || isInit || config.mountVar;
  refuseBroken(sys, deployment, {
    image: hasComposefsImage ? IMAGE : null,
    transientEtc: config.etcTransient && (readonlySysroot || hasComposefsImage),
    hotfix: hotfix && !config.signed,
    mountsVar,
    mountsRun: isInit,
    variable: `${parentOf(parentOf(deployment))}/var`,
    bindsVariable: mountsVar || readonlySysroot,
  });
  return {
    sysroot,
    deployment: path,
    device: stat.dev,
    inode: stat.ino,
    config,
    legacyReadonly: legacy,
    writable: isWritable(sys, sysroot),
    hotfix,
    hasComposefsImage,
    bootOnRoot: isBootOnRoot(sys, sysroot === '/' ? '/boot' : `${sysroot}/boot`, `${deployment}/boot`),
    imageDigest: config.signed ? readTrustedDigest(sys, { sysroot, path: deployment, keys }) : null,
    backingDevice: wantsImage ? backingDevice(sys, sysroot) : null,
    mountVarMarker,
    isInit,
    ownProc: options.ownProc ?? false,
    isRunning: sameFile(sys.stat(AT_FDCWD, '/'), stat),
    environment: environment(sys),
    uniqueSuffix: sys.randomHex(3),
  };
}

export interface BootConfig {
  readonly cmdline: string;
  readonly config: RootConfig;
  /** Before the paths of the configuration's files: '' in an initramfs; without one they are in the deployment. */
  readonly from: string;
}

/** @throws UserError for a configuration that cannot be read */
export function readBootConfig(sys: Syscalls, options: FactOptions): BootConfig {
  const cmdline = options.cmdline ?? kernelCommandLine(sys);
  const target = options.sysroot === '/' ? (options.target ?? findOstreeTarget(cmdline)) : null;
  const from = target === null ? '' : `/${target}`;
  return { cmdline, config: rootConfig(configFiles(sys, options.configFiles, from), cmdline), from };
}

export function kernelCommandLine(sys: Syscalls): string {
  const text = sys.readText(AT_FDCWD, '/proc/cmdline');
  if (text !== null) return text;
  throw new UserError('NO_OSTREE_TARGET', 'reading /proc/cmdline: No such file or directory', {
    hint: 'mount proc on /proc first, or give the kernel command line as the second argument',
  });
}

function configFiles(sys: Syscalls, given: readonly string[] | null, from: string): ConfigFile[] {
  return (given ?? CONFIG_FILES.map((path) => from + path)).flatMap((path) => {
    // What people give for 'none'; the call reads regular files only.
    const text = path === '/dev/null' ? '' : sys.readText(AT_FDCWD, path);
    if (text !== null) return [{ path, text }];
    if (given === null) return [];
    throw new UserError('BAD_BOOT_CONFIG', `Failed to parse config: ${path}: No such file or directory`);
  });
}

/** realpath(3). @throws UserError TARGET_MISSING */
export function resolvePath(sys: Syscalls, path: string): string {
  try {
    return sys.realpath(path);
  } catch (error) {
    throw new UserError('TARGET_MISSING', `realpath("${path}"): ${reasonOf(error)}`, { cause: error });
  }
}

interface FileId {
  readonly dev: number;
  readonly ino: number;
}

function sameFile(a: FileId | null, b: FileId): boolean {
  return a !== null && a.dev === b.dev && a.ino === b.ino;
}

function environment(sys: Syscalls): string[] {
  const text = sys.readText(AT_FDCWD, '/proc/self/environ') ?? '';
  return text.split('\0').filter((entry) => entry !== '');
}

/** '' above the top. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** Not asked where the root is read-only anyway, or known not to be. */
function wantsLegacyFlag({ sysrootReadonly, composefs }: RootConfig): boolean {
  return !sysrootReadonly && (composefs === 'no' || composefs === 'maybe');
}

function legacyReadonly(sys: Syscalls, sysroot: string): boolean {
  const path = `${sysroot}/ostree/repo/config`;
  const text = sys.readText(AT_FDCWD, path);
  return text !== null && (keyFileBoolean(parseKeyFile(text, path), 'sysroot', 'readonly') ?? false);
}

function isWritable(sys: Syscalls, path: string): boolean {
  const fd = sys.open(AT_FDCWD, path, ['read', 'directory']);
  try {
    return (sys.statfs(fd).flags & ST_RDONLY) === 0;
  } finally {
    sys.close(fd);
  }
}
