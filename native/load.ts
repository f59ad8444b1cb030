import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import sea from 'node:sea';
import type { BatchCalls } from '#native/batch.ts';
import { verifyEd25519 } from '#native/ed25519.ts';
import type { Syscalls } from '#native/syscalls.ts';

/** Where an addon's bytes may be put for dlopen when they come from inside the executable. */
const SCRATCH_DIRECTORIES = ['/run', '/dev/shm', '/tmp', '/var/tmp'];

const loadedAssets = new Map<string, unknown>();

/** The system calls of this machine, from the addon `syscalls.node`. */
export function loadSyscalls(): Syscalls & BatchCalls {
  return Object.assign(loadAddon('syscalls.node') as Syscalls & BatchCalls, { verifyEd25519 });
}

/**
 * An addon by its file name: from inside the single executable, else from `native/build/Release`, else from
 * the folder of the bundle. @throws where it is in none of them or cannot be loaded
 */
export function loadAddon(name: string): unknown {
  if (sea.isSea()) {
    // Loading the same bytes again would map the library a second time.
    const known = loadedAssets.get(name) ?? dlopenBytes(new Uint8Array(sea.getRawAsset(name)), name);
    loadedAssets.set(name, known);
    return known;
  }
  const candidates = [
    path.join(import.meta.dirname, 'build/Release', name),
    path.join(import.meta.dirname, '../native/build/Release', name),
    path.join(import.meta.dirname, name),
  ];
  const found = candidates.find((file) => fs.existsSync(file));
  if (found === undefined) throw new Error(`native addon ${name} is not built (npm run native)`);
  return createRequire(import.meta.url)(found);
}

/** Loads an addon from memory: an unnamed file, or a named one that is removed at once, in the first place that works. */
function dlopenBytes(bytes: Uint8Array, name: string): unknown {
  let failure: unknown;
  for (const directory of SCRATCH_DIRECTORIES) {
    try {
      return dlopenIn(directory, bytes);
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`native addon ${name} cannot be loaded from ${SCRATCH_DIRECTORIES.join(', ')}`, {
    cause: failure,
  });
}

function dlopenIn(directory: string, bytes: Uint8Array): unknown {
  // O_TMPFILE; its O_DIRECTORY part differs between architectures.
  const flags = 0o20000000 | fs.constants.O_DIRECTORY | fs.constants.O_RDWR;
  const writer = fs.openSync(directory, flags, 0o700);
  let reader: number;
  try {
    for (let at = 0; at < bytes.length;) at += fs.writeSync(writer, bytes, at);
    reader = fs.openSync(`/proc/self/fd/${writer}`, 'r');
  } finally {
    fs.closeSync(writer);
  }
  const module = { exports: {} as unknown };
  try {
    process.dlopen(module, `/proc/self/fd/${reader}`);
  } finally {
    fs.closeSync(reader);
  }
  return module.exports;
}
