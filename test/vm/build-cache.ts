import fs from 'node:fs';
import path from 'node:path';
import { cachedDirectory, digestOf } from '#test/fixtures/content-cache.ts';
import { waitForLock } from '#test/fixtures/lock-file.ts';

/** Where everything that the boots need is kept between runs; may be removed at any time. */
export const VM_BUILD = path.resolve(import.meta.dirname, '../../build/vm');

/**
 * The directory `build/vm/NAME-DIGEST`, made by `make` where it is missing; the digest is over `inputs`. Test files
 * that run at the same time wait for each other; entries of the same name with other inputs are removed.
 */
export async function built(
  name: string,
  inputs: readonly (string | Uint8Array)[],
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const target = path.join(VM_BUILD, `${name}-${digestOf(...inputs).slice(0, 12)}`);
  if (fs.existsSync(target)) return target;
  fs.mkdirSync(VM_BUILD, { recursive: true });
  const release = await waitForLock(path.join(VM_BUILD, `${name}.lock`), { report: () => undefined });
  try {
    const { made } = await cachedDirectory(target, make);
    if (made) removeOlder(name, path.basename(target));
  } finally {
    release();
  }
  return target;
}

function removeOlder(name: string, current: string): void {
  const older = new RegExp(`^${name.replaceAll('.', '\\.')}-[0-9a-f]{12}(\\.new)?$`);
  for (const entry of fs.readdirSync(VM_BUILD)) {
    if (entry !== current && older.test(entry))
      fs.rmSync(path.join(VM_BUILD, entry), { recursive: true, force: true });
  }
}
