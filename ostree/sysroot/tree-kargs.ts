/** Kernel arguments that a tree brings along, in the files of `kargs.d` that bootc reads, too. */
import { S, type Fd, type Syscalls } from '#native/syscalls.ts';
import { codeOf, during } from '#ostree/format/errors.ts';
import {
  appendMissingKernelArgs,
  deleteKernelArgIfPresent,
  kernelArgKey,
  type KernelArgs,
} from '#ostree/format/kernel-args.ts';
import { parseKargsFile } from '#ostree/format/kargs-file.ts';

const DIRECTORY = 'usr/lib/bootc/kargs.d';
/** Programs of which most trees have one; the first that is a file tells for which machine the tree is. */
const PROGRAMS = [
  'usr/lib/systemd/systemd',
  'usr/bin/bash',
  'usr/bin/dash',
  'usr/bin/busybox',
  'usr/bin/coreutils',
];
/** e_machine of an ELF header, and the name of `uname -m`. */
const MACHINES: Readonly<Record<number, string>> = {
  21: 'ppc64le',
  22: 's390x',
  40: 'armv7l',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
};

/** The arguments of the deployment open at `farm`. @throws UserError BAD_KARGS_FILE naming the file */
export function treeKernelArgs(sys: Syscalls, farm: Fd): KernelArgs {
  if (sys.stat(farm, DIRECTORY) === null) return [];
  const files = sys
    .readdir(farm, DIRECTORY)
    .filter(({ name, kind }) => kind === 'file' && name.endsWith('.toml'))
    .map(({ name }) => {
      const path = `${DIRECTORY}/${name}`;
      return during(`/${path}`, () => parseKargsFile(sys.readText(farm, path) ?? ''));
    });
  if (files.every(({ architectures }) => architectures === null)) return files.flatMap(({ kargs }) => kargs);
  const machine = machineOf(sys, farm);
  return files.flatMap(({ kargs, architectures }) =>
    architectures === null || (machine !== null && architectures.includes(machine)) ? kargs : [],
  );
}

/** The same of a deployment that another takes over: its damage must not stand in the way of what mends it. */
export function oldTreeKernelArgs(sys: Syscalls, farm: Fd): KernelArgs {
  try {
    return treeKernelArgs(sys, farm);
  } catch (error) {
    if (codeOf(error) !== 'BAD_KARGS_FILE') throw error;
    return [];
  }
}

/**
 * The arguments of a new deployment: what its tree brings and that of the old one did not is added, what is no longer
 * brought is taken away; an argument that was deleted by hand stays deleted.
 */
export function withTreeKernelArgs(args: KernelArgs, before: KernelArgs, after: KernelArgs): KernelArgs {
  const gone = before.filter((token) => !after.includes(token));
  const come = after.filter((token) => !before.includes(token));
  const kept = gone.reduce(
    (rest, token) => (token.includes('=') ? deleteKernelArgIfPresent(rest, token) : withoutFlag(rest, token)),
    args,
  );
  return appendMissingKernelArgs(kept, come);
}

/** A token without a value only: `quiet` is not `quiet=1`. */
function withoutFlag(args: KernelArgs, token: string): KernelArgs {
  return args.filter((candidate) => candidate !== token || kernelArgKey(candidate) !== token);
}

function machineOf(sys: Syscalls, farm: Fd): string | null {
  for (const path of PROGRAMS) {
    if (((sys.lstat(farm, path)?.mode ?? 0) & S.IFMT) !== S.IFREG) continue;
    const header = readHeader(sys, farm, path);
    const isElf = header[0] === 0x7f && header[1] === 0x45 && header[2] === 0x4c && header[3] === 0x46;
    // Byte 5 is the byte order, 18 and 19 the machine.
    const [low, high] = header[5] === 2 ? [header[19], header[18]] : [header[18], header[19]];
    if (isElf && low !== undefined && high !== undefined) return MACHINES[low + 256 * high] ?? null;
  }
  return null;
}

function readHeader(sys: Syscalls, farm: Fd, path: string): Uint8Array {
  try {
    const fd = sys.open(farm, path, ['read', 'nofollow']);
    try {
      return sys.read(fd, 20);
    } finally {
      sys.close(fd);
    }
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return new Uint8Array(0);
  }
}
