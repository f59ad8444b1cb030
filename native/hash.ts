/** Hashes of what is at hand. Loading `node:crypto` takes longer than many a command: only those who need more do it. */
import type { Hash } from 'node:crypto';
import { loadAddon } from '#native/load.ts';

interface DigestCalls {
  digest(algorithm: 'sha256' | 'sha512', bytes: Uint8Array): string;
}

/** Lower-case hexadecimal; text is hashed as UTF-8. */
export function digest(algorithm: 'sha256' | 'sha512', data: string | Uint8Array): string {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  return (loadAddon('syscalls.node') as DigestCalls).digest(algorithm, bytes);
}

/** `node:crypto`'s hash of any algorithm, to be fed in pieces. */
export function createHash(algorithm: string): Hash {
  return process.getBuiltinModule('node:crypto').createHash(algorithm);
}
