import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import sea from 'node:sea';
import type { BatchCalls } from '#native/batch.ts';
import { dlopenBytes, scratchDirectories } from '#native/dlopen-bytes.ts';
import { verifyEd25519 } from '#native/ed25519.ts';
import type { Syscalls } from '#native/syscalls.ts';

const loadedAssets = new Map<string, unknown>();

/** The system calls of this machine, from the addon `syscalls.node`. */
export function loadSyscalls(): Syscalls & BatchCalls {
  return Object.assign(loadAddon('syscalls.node') as Syscalls & BatchCalls, { verifyEd25519 });
}

/**
 * An addon by its file name: from inside the single executable, else from `native/build/Release`, else from
 * the folder of the bundle. @throws AddonError where the
 * executable's cannot be loaded; Error where none is built
 */
export function loadAddon(name: string): unknown {
  if (sea.isSea()) {
    // Loading the same bytes again would map the library a second time.
    const known = loadedAssets.get(name) ?? loadAsset(name);
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

function loadAsset(name: string): unknown {
  const directories = scratchDirectories(process.env, process.execPath);
  return dlopenBytes(new Uint8Array(sea.getRawAsset(name)), name, directories);
}
