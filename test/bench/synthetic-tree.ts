import { createCipheriv } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** A file of the synthetic part of a base tree, relative to its root. */
export interface SyntheticFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly executable: boolean;
}

/** Files that belong together as a package would have them. */
export interface SyntheticPackage {
  readonly name: string;
  readonly files: readonly SyntheticFile[];
}

/**
 * `count` files in packages of some eighty files each: programs, a private directory of data in subdirectories of
 * seven files, documentation. Sizes are log-normal (median 2 KiB, mean 6 KiB, at most 256 KiB). The same `count` gives
 * the same files, and a larger one only adds packages.
 */
export function syntheticPackages(count: number): SyntheticPackage[] {
  const packages: SyntheticPackage[] = [];
  const random = generator(0x5eed);
  for (let left = count; left > 0;) {
    const name = `synthetic-${String(packages.length).padStart(4, '0')}`;
    const wanted = 20 + Math.floor(random() * 120);
    const files = Array.from({ length: wanted }, (_, index) => fileOf(name, index, random));
    packages.push({ name, files: files.slice(0, left) });
    left -= wanted;
  }
  return packages;
}

/** Writes the files below `root`; their bytes are a keystream, so no two are equal and nothing is random. */
export function writeFiles(root: string, packages: readonly SyntheticPackage[]): void {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
  const made = new Set<string>();
  for (const file of packages.flatMap((pkg) => pkg.files)) {
    const target = path.join(root, file.path);
    const directory = path.dirname(target);
    if (!made.has(directory)) {
      fs.mkdirSync(directory, { recursive: true });
      made.add(directory);
    }
    fs.writeFileSync(target, stream.update(Buffer.alloc(file.size)), {
      mode: file.executable ? 0o755 : 0o644,
    });
  }
}

function fileOf(name: string, index: number, random: () => number): SyntheticFile {
  const size = sizeOf(random);
  if (index < 2) return { path: `usr/bin/${name}-${index}`, size: size * 4, executable: true };
  if (index < 6) return { path: `usr/share/doc/${name}/text-${index}`, size, executable: false };
  const directory = Math.floor(index / 7);
  return { path: `usr/share/${name}/part-${directory}/file-${index}`, size, executable: false };
}

function sizeOf(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(256 * 1024, Math.max(1, Math.round(2048 * Math.exp(1.5 * normal))));
}

/** A 32-bit linear congruential generator (Numerical Recipes' constants): numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}
