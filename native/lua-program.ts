/** The program that runs Lua scripts of packages (`native/rpm-lua`), statically linked. */
import fs from 'node:fs';
import path from 'node:path';
import sea from 'node:sea';

const NAME = 'rpm-lua';

/** Whether this build has it. */
export function hasLua(): boolean {
  return sea.isSea() ? loadLua() !== null : findFile() !== undefined;
}

/** The program's bytes, from inside the single executable or from `native/build/Release`; null where there is none. */
export function loadLua(): Uint8Array | null {
  if (!sea.isSea()) {
    const file = findFile();
    return file === undefined ? null : fs.readFileSync(file);
  }
  try {
    return new Uint8Array(sea.getRawAsset(NAME));
  } catch {
    // Node throws where the executable has no such asset.
    return null;
  }
}

function findFile(): string | undefined {
  return ['build/Release', '../native/build/Release', '.']
    .map((folder) => path.join(import.meta.dirname, folder, NAME))
    .find((file) => fs.existsSync(file));
}
