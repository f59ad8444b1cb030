// Compiles native/rpm-lua, the program that runs scripts in Lua: static, so that it runs in any tree.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const sources = path.join(import.meta.dirname, '../native/rpm-lua');

/** What makes the program, for a recipe: every file of it. */
export const RPM_LUA_FILES = fs.readdirSync(sources).map((name) => path.join(sources, name));

/**
 * Compiles it into `target`, which is the old program or the new one at any time.
 * `flags`: where the compiler finds liblua5.3.a and its headers, where that is not known to it.
 * @throws Error with the compiler's messages
 */
export function buildRpmLua(target, { compiler = 'cc', flags = [] } = {}) {
  const temporary = `${target}.${process.pid}`;
  const how = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-static', '-s'];
  const files = RPM_LUA_FILES.filter((name) => name.endsWith('.c'));
  const words = [...how, ...flags, '-o', temporary, ...files, '-l:liblua5.3.a', '-lm'];
  const { status, stderr, error } = spawnSync(compiler, words, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${compiler}: ${error.message}`);
  if (status !== 0) throw new Error(`native/rpm-lua does not compile:\n${stderr}`);
  fs.renameSync(temporary, target);
}
