import fs from 'node:fs';
import path from 'node:path';

/** Why an addon could not be loaded. `NO_PLACE`: nowhere to put it; `NOT_LOADABLE`: the dynamic linker refuses it. */
export class AddonError extends Error {
  readonly code: 'NO_PLACE' | 'NOT_LOADABLE';

  constructor(code: AddonError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Where a library's bytes may be put, best first: the memory file systems, then what a hardened or sparse machine still
 * has. The executable's own directory is on a file system that allows execution; `/dev` and `/` are writable in an
 * initramfs that has mounted nothing yet.
 */
export function scratchDirectories(
  env: Readonly<Record<string, string | undefined>>,
  executable: string,
): readonly string[] {
  const own = [env.XDG_RUNTIME_DIR, env.TMPDIR, path.dirname(executable)];
  const named = own.filter((directory) => directory !== undefined && path.isAbsolute(directory)) as string[];
  return [...new Set(['/run', '/dev/shm', '/tmp', '/var/tmp', ...named, '/dev', '/'])];
}

/**
 * Loads a shared library from memory, through a file in the first directory that works, and returns its exports. The
 * file never has a name where /proc is mounted; elsewhere it has one until it is loaded.
 * @throws AddonError
 */
export function dlopenBytes(bytes: Uint8Array, name: string, directories: readonly string[]): unknown {
  const reasons: string[] = [];
  for (const directory of directories) {
    try {
      return dlopenIn(directory, bytes);
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (code === 'ERR_DLOPEN_FAILED' && !NOT_EXECUTABLE.test(message))
        throw new AddonError('NOT_LOADABLE', `${name} cannot be loaded: ${message}`, error);
      reasons.push(
        `${directory} ${code === 'ERR_DLOPEN_FAILED' ? 'forbids execution' : (WORDS[code] ?? code)}`,
      );
    }
  }
  throw new AddonError('NO_PLACE', `${name} cannot be loaded from anywhere: ${reasons.join(', ')}`);
}

/** How glibc says that the file system is mounted noexec or a security policy forbids to map its files executable. */
const NOT_EXECUTABLE = /failed to map segment from shared object/;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'is missing',
  ENOTDIR: 'is no directory',
  EROFS: 'is read-only',
  EACCES: 'is not writable',
  EPERM: 'is not writable',
  ENOSPC: 'is full',
  EDQUOT: 'is full',
};

/** Errors of O_TMPFILE where the file system or the kernel does not know it. */
const NO_UNNAMED_FILES = ['EOPNOTSUPP', 'EISDIR', 'EINVAL', 'ENOSYS'];

function dlopenIn(directory: string, bytes: Uint8Array): unknown {
  if (!fs.existsSync('/proc/self/fd')) return dlopenNamed(directory, bytes);
  // O_TMPFILE; its O_DIRECTORY part differs between architectures.
  const flags = 0o20000000 | fs.constants.O_DIRECTORY | fs.constants.O_RDWR;
  let writer: number;
  try {
    writer = fs.openSync(directory, flags, 0o700);
  } catch (error) {
    if (!NO_UNNAMED_FILES.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return dlopenNamed(directory, bytes);
  }
  let reader: number;
  try {
    writeAll(writer, bytes);
    reader = fs.openSync(`/proc/self/fd/${writer}`, 'r');
  } finally {
    fs.closeSync(writer);
  }
  try {
    // The descriptor stays open: under the same name the dynamic linker would take a second library for this one.
    return dlopenFile(`/proc/self/fd/${reader}`);
  } catch (error) {
    fs.closeSync(reader);
    throw error;
  }
}

/** A crash before the removal leaves the file. */
function dlopenNamed(directory: string, bytes: Uint8Array): unknown {
  const file = path.join(directory, `.yum-ostree-${process.pid}-${process.hrtime.bigint()}.node`);
  const writer = fs.openSync(file, 'wx', 0o700);
  try {
    try {
      writeAll(writer, bytes);
    } finally {
      fs.closeSync(writer);
    }
    return dlopenFile(file);
  } finally {
    fs.unlinkSync(file);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(descriptor, bytes, at);
}

function dlopenFile(file: string): unknown {
  const module = { exports: {} as unknown };
  process.dlopen(module, file);
  return module.exports;
}
