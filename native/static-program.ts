/** Programs of ours that the client runs, statically linked: `rpm-lua`, `selinux-labels`. */
import fs from 'node:fs';
import path from 'node:path';
import sea from 'node:sea';

export type StaticProgram = 'rpm-lua' | 'selinux-labels';

/** Whether this build has it. */
export function hasProgram(name: StaticProgram): boolean {
  return sea.isSea() ? loadProgram(name) !== null : findFile(name) !== undefined;
}

/** The program's bytes, from inside the single executable or from `native/build/Release`; null where there is none. */
export function loadProgram(name: StaticProgram): Uint8Array | null {
  if (!sea.isSea()) {
    const file = findFile(name);
    return file === undefined ? null : fs.readFileSync(file);
  }
  try {
    return new Uint8Array(sea.getRawAsset(name));
  } catch {
    // Node throws where the executable has no such asset.
    return null;
  }
}

function findFile(name: StaticProgram): string | undefined {
  return ['build/Release', '../native/build/Release', '.']
    .map((folder) => path.join(import.meta.dirname, folder, name))
    .find((file) => fs.existsSync(file));
}
