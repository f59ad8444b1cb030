import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Runs a program in the directory `work`, silently. @throws Error with its last lines where it fails */
export function run(work, command, args, environment = process.env) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: work,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...environment, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  if (status === 0) return;
  const last = `${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n').slice(-15).join('\n  ');
  throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? `exit ${status}`}\n  ${last}`);
}

/**
 * What node-gyp has to run with: npm's settings would win over its options, and `nodedir` among them would compile against
 * another Node's headers.
 */
export function gypEnvironment(nodeModules) {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_(package_)?config_/i.test(name));
  return { ...Object.fromEntries(kept), PATH: `${path.join(nodeModules, '.bin')}:${process.env.PATH}` };
}

/**
 * Calls `action` with a path of the folder that make and compiler flags can take: node-gyp writes some unquoted. A link that
 * is gone afterwards, where the folder's own has a space or the like.
 */
export function withPlainPath(folder, action) {
  if (isPlain(folder)) return action(folder);
  const scratch = fs.mkdtempSync(path.join(isPlain(os.tmpdir()) ? os.tmpdir() : '/tmp', 'yum-ostree-path-'));
  try {
    fs.symlinkSync(path.resolve(folder), path.join(scratch, 'link'));
    return action(path.join(scratch, 'link'));
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

export function isPlain(file) {
  return /^[\w@%+=:,./-]*$/.test(file);
}
