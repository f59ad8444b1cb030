/** Reads which deployments there are: the boot entries of the current `loader.B` are the list. */
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import {
  blsValue,
  compareVersions,
  parseBls,
  parseBlsFileName,
  type BlsEntry,
  type BlsFileName,
} from '#ostree/format/bls.ts';
import { isChecksum, type Checksum } from '#ostree/format/checksum.ts';
import { codeOf, during, UserError } from '#ostree/format/errors.ts';
import { kernelArgValue, parseKernelArgs } from '#ostree/format/kernel-args.ts';
import { parseKeyFile, type KeyFile } from '#ostree/format/keyfile.ts';
import { findBooted, isBootedSysroot } from '#ostree/sysroot/booted.ts';
import {
  deploymentName,
  isPinnedOrigin,
  isSerial,
  originPath,
  parseDeploymentName,
  type Deployment,
} from '#ostree/sysroot/deployment.ts';
import { readStaged } from '#ostree/sysroot/staged.ts';

export type Bit = 0 | 1;

export interface BootState {
  /** Which of `/boot/loader.0` and `loader.1` is in use. */
  readonly bootversion: Bit;
  /** Which of `/ostree/boot.B.0` and `boot.B.1` is in use. */
  readonly subbootversion: Bit;
  /** The first one boots by default. */
  readonly deployments: readonly Deployment[];
}

/** A `/ostree/boot.B/STATEROOT/BOOTCSUM/SERIAL` as `ostree=` names it. */
export interface BootLink {
  readonly stateroot: string;
  readonly bootcsum: Checksum;
  readonly bootserial: number;
}

/** @throws UserError BAD_SYSROOT naming the entry or link that is wrong */
export function loadState(sys: Syscalls, root: Fd): BootState {
  const bootversion = readBootversion(sys, root);
  const subbootversion = readSubbootversion(sys, root, bootversion);
  const listed = readEntries(sys, root, bootversion).map(({ file, bls, name }) =>
    during(`boot entry ${file}`, () => loadDeployment(sys, root, { bls, name })),
  );
  const onRunningSystem = isBootedSysroot(sys, root);
  const booted = onRunningSystem ? findBooted(sys, root, listed) : null;
  const staged = onRunningSystem ? readStaged(sys, root) : null;
  const deployments = [...(staged === null ? [] : [staged]), ...listed];
  return {
    bootversion,
    subbootversion,
    deployments: deployments.map((deployment, index) => ({
      ...deployment,
      index,
      isBooted: deployment === booted,
    })),
  };
}

/** The parts of a boot link's path; null where it is not one. */
export function parseBootLink(path: string): BootLink | null {
  const [start, ostree, boot, stateroot, bootcsum, serial, ...rest] = path.split('/');
  const isBoot = start === '' && ostree === 'ostree' && (boot === 'boot.0' || boot === 'boot.1');
  if (!isBoot || stateroot === undefined || bootcsum === undefined || serial === undefined) return null;
  if (stateroot === '' || !isChecksum(bootcsum) || !isSerial(serial) || rest.length > 0) return null;
  return { stateroot, bootcsum, bootserial: Number(serial) };
}

/** The origin of a deployment; null where it has no file. @throws UserError BAD_KEYFILE */
export function readOrigin(
  sys: Syscalls,
  root: Fd,
  name: Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>,
): KeyFile | null {
  const path = originPath(name);
  const text = sys.readText(root, path);
  return text === null ? null : parseKeyFile(text, `/${path}`);
}

function readBootversion(sys: Syscalls, root: Fd): Bit {
  const target = readLink(sys, root, 'boot/loader');
  if (target === null || target === 'loader.0') return 0;
  if (target === 'loader.1') return 1;
  throw new UserError('BAD_SYSROOT', `/boot/loader points to '${target}', not to loader.0 or loader.1`);
}

function readSubbootversion(sys: Syscalls, root: Fd, bootversion: Bit): Bit {
  const name = `boot.${bootversion}`;
  const target = readLink(sys, root, `ostree/${name}`);
  if (target === null || target === `${name}.0`) return 0;
  if (target === `${name}.1`) return 1;
  throw new UserError('BAD_SYSROOT', `/ostree/${name} points to '${target}', not to ${name}.0 or ${name}.1`);
}

function readLink(sys: Syscalls, root: Fd, path: string): string | null {
  try {
    return sys.readlink(root, path);
  } catch (error) {
    if (codeOf(error) !== 'EINVAL') throw error;
    throw new UserError('BAD_SYSROOT', `/${path} is not a symbolic link`, {
      hint: path.startsWith('boot') ? 'a /boot without symbolic links (vfat) is not supported' : '',
      cause: error,
    });
  }
}

/** A boot entry on disk. */
export interface FoundEntry {
  /** Relative to the sysroot, with a leading slash. */
  readonly file: string;
  readonly bls: BlsEntry;
  readonly name: BlsFileName | null;
}

/** The entries of ostree in a `loader.B`, the first of the menu first; one without a version goes last. */
export function readEntries(sys: Syscalls, root: Fd, bootversion: Bit): FoundEntry[] {
  const directory = `boot/loader.${bootversion}/entries`;
  if (sys.stat(root, directory) === null) return [];
  return sys
    .readdir(root, directory)
    .filter(({ name, kind }) => kind === 'file' && name.startsWith('ostree-') && name.endsWith('.conf'))
    .map(({ name }) => {
      const file = `${directory}/${name}`;
      return {
        file: `/${file}`,
        bls: parseBls(sys.readText(root, file) ?? ''),
        name: parseBlsFileName(name),
      };
    })
    .sort((a, b) => compareVersions(blsValue(b.bls, 'version') ?? '', blsValue(a.bls, 'version') ?? ''));
}

const SETS_ASIDE = "'yum-ostree-boot fsck-boot --repair' sets aside an entry that boots nothing";

function loadDeployment(
  sys: Syscalls,
  root: Fd,
  { bls, name }: Pick<FoundEntry, 'bls' | 'name'>,
): Deployment {
  const options = blsValue(bls, 'options');
  if (options === null) throw new UserError('BAD_SYSROOT', `it has no 'options' line`, { hint: SETS_ASIDE });
  const kargs = parseKernelArgs(options);
  const path = kernelArgValue(kargs, 'ostree');
  const link = path === null ? null : parseBootLink(path);
  if (path === null || link === null)
    throw new UserError(
      'BAD_SYSROOT',
      `its options have no 'ostree=/ostree/boot.N/OS/CHECKSUM/N': ${options}`,
      { hint: SETS_ASIDE },
    );
  const target = sys.readlink(root, path.slice(1));
  const found = target === null ? null : parseDeploymentName(target.slice(target.lastIndexOf('/') + 1));
  if (target === null || found === null)
    throw new UserError('BAD_SYSROOT', brokenLink(path, target), {
      hint: "boot entries and boot links do not belong together: 'yum-ostree-boot fsck-boot --repair' mends what it can",
    });
  const named = { stateroot: link.stateroot, ...found };
  requireDirectory(sys, root, named);
  const origin = readOrigin(sys, root, named);
  return {
    ...named,
    bootcsum: link.bootcsum,
    bootserial: link.bootserial,
    index: -1,
    origin,
    kargs,
    bls,
    tries: name?.tries ?? null,
    isStaged: false,
    isBooted: false,
    isPinned: isPinnedOrigin(origin),
  };
}

function brokenLink(path: string, target: string | null): string {
  return target === null
    ? `the boot link ${path} does not exist`
    : `the boot link ${path} points to '${target}', not to a deployment`;
}

function requireDirectory(
  sys: Syscalls,
  root: Fd,
  named: Pick<Deployment, 'stateroot' | 'checksum' | 'deployserial'>,
): void {
  const path = `ostree/deploy/${named.stateroot}/deploy/${deploymentName(named)}`;
  const stat = sys.lstat(root, path);
  if (stat === null || (stat.mode & S.IFMT) !== S.IFDIR)
    throw new UserError('BAD_SYSROOT', `the deployment /${path} does not exist`, { hint: SETS_ASIDE });
}
