/** What prepare-root looks at before it decides: read once, before anything is changed. */
import { ostreeTarget } from '#prepare-root/cmdline.ts';
import { CONFIG_FILES, rootConfig, type ConfigFile, type RootConfig } from '#prepare-root/config.ts';
import { reasonOf } from '#prepare-root/reason.ts';
import { codeOf, UserError } from '#ostree/format/errors.ts';
import { keyFileBoolean, parseKeyFile } from '#ostree/format/keyfile.ts';
import { AT_FDCWD, S, ST_RDONLY, type Syscalls } from '#native/syscalls.ts';

/** In the initramfs: leave `/var` to no unit. The generator of the real root removes it. */
export const MOUNT_VAR_MARKER = '/run/ostree/initramfs-mount-var';

/** Facts that are given rather than read. */
export interface FactOptions {
  /** Where the physical root is mounted. */
  readonly sysroot: string;
  /** The kernel command line; null: `/proc/cmdline`. */
  readonly cmdline: string | null;
  /** Instead of the initramfs' own; they must exist. null: those. */
  readonly configFiles: readonly string[] | null;
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
  readonly mountVarMarker: boolean;
  /** Process 1. */
  readonly isInit: boolean;
  /** The system that runs now is the deployment itself. */
  readonly isRunning: boolean;
  /** `KEY=value`, as the kernel gave them to process 1. */
  readonly environment: readonly string[];
  /** Of the folder that holds a transient `/etc`'s changes: different at every run. */
  readonly uniqueSuffix: string;
}

/** @throws UserError that says which file or link is missing or wrong */
export function readFacts(sys: Syscalls, options: FactOptions): BootFacts {
  const cmdline = options.cmdline ?? kernelCommandLine(sys);
  const config = rootConfig(configFiles(sys, options.configFiles), cmdline);
  const target = ostreeTarget(cmdline);
  const sysroot = resolvePath(sys, options.sysroot);
  const deployment = findDeployment(sys, sysroot, target);
  const { dev, ino } = directoryStat(sys, deployment);
  return {
    sysroot,
    deployment: belowSysroot(sysroot, deployment, target),
    device: dev,
    inode: ino,
    config,
    legacyReadonly: legacyReadonly(sys, sysroot),
    writable: isWritable(sys, sysroot),
    hotfix: sys.lstat(AT_FDCWD, `${deployment}/.usr-ovl-work`) !== null,
    hasComposefsImage: sys.lstat(AT_FDCWD, `${deployment}/.ostree.cfs`) !== null,
    mountVarMarker: sys.lstat(AT_FDCWD, MOUNT_VAR_MARKER) !== null,
    isInit: sys.getpid() === 1,
    isRunning: sameFile(sys.stat(AT_FDCWD, '/'), { dev, ino }),
    environment: environment(sys),
    uniqueSuffix: sys.randomHex(3),
  };
}

export function kernelCommandLine(sys: Syscalls): string {
  const text = sys.readText(AT_FDCWD, '/proc/cmdline');
  if (text !== null) return text;
  throw new UserError('NO_OSTREE_TARGET', 'reading /proc/cmdline: No such file or directory', {
    hint: 'mount proc on /proc first, or give the kernel command line as the second argument',
  });
}

function configFiles(sys: Syscalls, given: readonly string[] | null): ConfigFile[] {
  return (given ?? CONFIG_FILES).flatMap((path) => {
    const text = sys.readText(AT_FDCWD, path);
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

/** The directory that the target's link leads to. */
function findDeployment(sys: Syscalls, sysroot: string, target: string): string {
  const link = `${sysroot}/${target}`;
  const stat = sys.lstat(AT_FDCWD, link);
  if (stat === null)
    throw new UserError(
      'TARGET_MISSING',
      `Couldn't find specified OSTree root '${link}': No such file or directory`,
      { hint: knownTargets(sys, sysroot) },
    );
  if ((stat.mode & S.IFMT) !== S.IFLNK)
    throw new UserError('TARGET_INVALID', `OSTree target is not a symbolic link: ${link}`, {
      hint: `'ostree=' names the link below /ostree/boot.0 or /ostree/boot.1, not the deployment itself`,
    });
  try {
    return sys.realpath(link);
  } catch (error) {
    const reads = sys.readlink(AT_FDCWD, link) ?? '';
    throw new UserError('TARGET_MISSING', `realpath(${link}) failed: ${reasonOf(error)}`, {
      hint: `the link reads '${reads}': the deployment it leads to was removed, or the disk is damaged`,
      cause: error,
    });
  }
}

/** A sentence for the person at the emergency shell: what could be given to `ostree=` instead. */
function knownTargets(sys: Syscalls, sysroot: string): string {
  if (sys.stat(AT_FDCWD, `${sysroot}/ostree`) === null)
    return `${sysroot} has no /ostree: it is another file system, or not mounted yet (see 'root=')`;
  const targets = ['boot.0', 'boot.1']
    .flatMap((version) => below(sys, `${sysroot}/ostree/${version}`, 3))
    .map((path) => path.slice(sysroot.length));
  return targets.length === 0
    ? `${sysroot}/ostree holds no boot links: no deployment was ever finished there`
    : `there are: ${targets.join(' ')}`;
}

/** The paths `depth` levels below a directory; what cannot be read has none. */
function below(sys: Syscalls, directory: string, depth: number): string[] {
  if (depth === 0) return [directory];
  let names: readonly string[] = [];
  try {
    names = sys.readdir(AT_FDCWD, directory).map((entry) => entry.name);
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
  }
  return names.flatMap((name) => below(sys, `${directory}/${name}`, depth - 1));
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

function directoryStat(sys: Syscalls, path: string): FileId {
  const stat = sys.stat(AT_FDCWD, path);
  if (stat !== null && (stat.mode & S.IFMT) === S.IFDIR) return stat;
  throw new UserError('TARGET_INVALID', `OSTree target does not lead to a directory: ${path}`);
}

function belowSysroot(sysroot: string, deployment: string, target: string): string {
  const prefix = sysroot === '/' ? '' : sysroot;
  if (deployment.startsWith(`${prefix}/`)) return deployment.slice(prefix.length);
  throw new UserError('TARGET_INVALID', `OSTree target ${target} leads out of ${sysroot}, to ${deployment}`, {
    hint: 'boot links must be relative',
  });
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
