import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ProgramResult } from './scratch-initramfs.ts';

/**
 * Runs a script of this folder in a mount namespace of its own. Its arguments are an empty folder, where it may mount
 * what it likes, and `request` as JSON. Needs root; nothing is mounted outside. `timeout` is in milliseconds.
 */
export function runInMountNamespace(script: string, request: unknown, timeout: number): ProgramResult {
  const child = path.join(import.meta.dirname, script);
  const root = fs.mkdtempSync(path.join(os.tmpdir(), `${path.basename(script, '-child.ts')}-`));
  try {
    const done = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', process.execPath, child, root, JSON.stringify(request)],
      // Bash takes a socket there, which a pipe of Node's is, for a login from afar, and reads more files.
      { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout, maxBuffer: 64 << 20 },
    );
    if (done.error) throw done.error;
    return done;
  } finally {
    fs.rmdirSync(root);
  }
}
