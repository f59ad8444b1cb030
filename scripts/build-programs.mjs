// Compiles the programs of native/ that the client runs, static, so that they run in any tree and on any machine.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const native = path.join(import.meta.dirname, '../native');

/** Folder in native/ → the libraries of the distribution that go into the program. */
const LIBRARIES = {
  'rpm-lua': ['-l:liblua5.3.a', '-lm'],
  'selinux-labels': ['-l:libselinux.a', '-l:libpcre2-8.a'],
};

export const PROGRAMS = Object.keys(LIBRARIES);

/**
 * Compiles those into `folder` that are missing there or older than their sources (or one of `inputs`); each is the old
 * program or the new one at any time. `flags`: where the compiler finds libraries and headers that it does not know.
 * @throws Error with the compiler's messages
 */
export function buildPrograms(folder, { compiler = 'cc', flags = [], inputs = [] } = {}) {
  for (const name of PROGRAMS) {
    const target = path.join(folder, name);
    const files = fs.readdirSync(path.join(native, name)).map((file) => path.join(native, name, file));
    const newest = Math.max(
      ...[...files, ...inputs, import.meta.filename].map((file) => fs.statSync(file).mtimeMs),
    );
    if (fs.existsSync(target) && fs.statSync(target).mtimeMs >= newest) continue;
    const temporary = `${target}.${process.pid}`;
    const how = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-static', '-s', ...flags];
    const sources = files.filter((file) => file.endsWith('.c'));
    compile(name, compiler, [...how, '-o', temporary, ...sources, ...LIBRARIES[name]]);
    fs.renameSync(temporary, target);
  }
}

function compile(name, compiler, words) {
  const { status, stderr, error } = spawnSync(compiler, words, { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${compiler}: ${error.message}`);
  if (status !== 0) throw new Error(`native/${name} does not compile:\n${stderr}`);
}
