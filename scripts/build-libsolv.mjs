// Builds libsolv statically into native/vendor/libsolv, from the distribution's source package. Done once.
// The distribution ships no static library, and its shared libsolvext pulls in librpm and twenty more libraries.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const VERSION = '0.7.23';
const ORIG_SHA256 = '0286155964373c6cc3802d025750786c3ee79608d5cb884598e110e3918bb2fe';
const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DCMAKE_POSITION_INDEPENDENT_CODE=ON',
  '-DCMAKE_C_FLAGS=-fvisibility=hidden -ffunction-sections -fdata-sections -w',
  '-DDISABLE_SHARED=ON',
  '-DENABLE_STATIC=ON',
  '-DMULTI_SEMANTICS=ON',
  '-DENABLE_COMPLEX_DEPS=ON',
  '-DENABLE_RPMMD=ON',
  '-DENABLE_COMPS=ON',
  '-DENABLE_ZSTD_COMPRESSION=ON',
  '-DENABLE_LZMA_COMPRESSION=ON',
];
/**
 * libsolv's hash of (name, relation, version) puts the same version of many packages side by side, and its chains grow
 * long: reading 18,000 packages takes three times as long as with a hash that spreads. Nothing but speed depends on it.
 */
const PATCH = {
  file: 'src/hash.h',
  from: 'return name + 7 * evr + 13 * flags;',
  to: 'Hashval h = (Hashval)name * 0x9e3779b1u + (Hashval)evr * 0x85ebca6bu + (Hashval)flags * 13; return h ^ (h >> 15);',
};

const vendor = path.join(import.meta.dirname, '../native/vendor');
const target = path.join(vendor, 'libsolv');
const recipe = createHash('sha256')
  .update(JSON.stringify([VERSION, ORIG_SHA256, CMAKE_OPTIONS, PATCH, process.arch]))
  .digest('hex');

if (!isBuilt()) {
  fs.mkdirSync(vendor, { recursive: true });
  if (process.env.LIBSOLV_BUILD_LOCKED === undefined) runLocked();
  else build();
}

function isBuilt() {
  const stamp = path.join(target, 'recipe');
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === recipe;
}

/** Two commands of one checkout may arrive here at the same time: the second waits and finds the work done. */
function runLocked() {
  process.stderr.write(`set-up: building libsolv ${VERSION} (about half a minute, once)\n`);
  const command = [path.join(vendor, '.lock'), process.execPath, import.meta.filename];
  const env = { ...process.env, LIBSOLV_BUILD_LOCKED: '1' };
  const { status } = spawnSync('flock', command, { stdio: 'inherit', env });
  if (status !== 0) process.exit(status ?? 1);
}

function build() {
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'libsolv-'));
  try {
    const source = fetchSource(work);
    compile(work, source);
    publish(work, source);
  } catch (error) {
    process.stderr.write(`error: set-up: building libsolv: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** The unpacked source package; /etc and /var/lib/apt stay as they are. */
function fetchSource(work) {
  const parts = path.join(work, 'sources');
  fs.mkdirSync(parts);
  fs.mkdirSync(path.join(work, 'lists/partial'), { recursive: true });
  if (!writeSourceLists(parts)) throw new Error('no package sources in /etc/apt to fetch libsolv from');
  const apt = [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', parts],
    ['Dir::State::lists', path.join(work, 'lists')],
    // The scratch folder is private, so apt's own user could not read it.
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Languages', 'none'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run(work, 'apt-get', [...apt, '-q', 'update']);
  run(work, 'apt-get', [...apt, '-q', '--download-only', 'source', 'libsolv']);
  const tarball = `libsolv_${VERSION}.orig.tar.gz`;
  if (!fs.existsSync(path.join(work, tarball)))
    throw new Error(`this distribution's libsolv is not ${VERSION} (Debian 12 has it)`);
  const digest = createHash('sha256')
    .update(fs.readFileSync(path.join(work, tarball)))
    .digest('hex');
  if (digest !== ORIG_SHA256) throw new Error(`${tarball} has SHA-256 ${digest}, expected ${ORIG_SHA256}`);
  const dsc = fs.readdirSync(work).find((name) => name.endsWith('.dsc'));
  const source = path.join(work, 'source');
  run(work, 'dpkg-source', ['-x', dsc, source]);
  patch(source);
  return source;
}

function patch(source) {
  const file = path.join(source, PATCH.file);
  const text = fs.readFileSync(file, 'utf8');
  if (!text.includes(PATCH.from))
    throw new Error(`${PATCH.file} does not hold the hash that is to be replaced`);
  fs.writeFileSync(file, text.replace(PATCH.from, PATCH.to));
}

/** The machine's own sources as source-package entries, in both formats apt knows. */
function writeSourceLists(parts) {
  const directory = '/etc/apt/sources.list.d';
  const names = fs.existsSync(directory) ? fs.readdirSync(directory) : [];
  const files = [...names.map((name) => path.join(directory, name)), '/etc/apt/sources.list'];
  const usable = files.filter((file) => /\.(sources|list)$/.test(file) && fs.existsSync(file));
  const written = usable.map((file) => {
    const text = fs.readFileSync(file, 'utf8');
    const entries = file.endsWith('.sources')
      ? text.replace(/^Types:.*$/gm, 'Types: deb-src')
      : text.replace(/^deb(\s)/gm, 'deb-src$1');
    fs.writeFileSync(path.join(parts, path.basename(file)), entries);
    return /deb-src/.test(entries);
  });
  return written.includes(true);
}

function compile(work, source) {
  const out = path.join(work, 'out');
  run(work, 'cmake', ['-S', source, '-B', out, '-G', 'Ninja', ...CMAKE_OPTIONS]);
  run(work, 'ninja', ['-C', out, 'src/libsolv.a', 'ext/libsolvext.a']);
}

/** Puts the finished folder in place with one rename; a crash leaves none or the whole. */
function publish(work, source) {
  const out = path.join(work, 'out');
  const staged = fs.mkdtempSync(path.join(vendor, '.staged-'));
  const include = path.join(staged, 'include/solv');
  fs.mkdirSync(include, { recursive: true });
  const headers = ['src', 'ext'].flatMap((folder) => headersIn(path.join(source, folder)));
  for (const file of [...headers, path.join(out, 'src/solvversion.h')])
    fs.copyFileSync(file, path.join(include, path.basename(file)));
  for (const library of ['src/libsolv.a', 'ext/libsolvext.a'])
    fs.copyFileSync(path.join(out, library), path.join(staged, path.basename(library)));
  fs.copyFileSync(path.join(source, 'LICENSE.BSD'), path.join(staged, 'LICENSE.BSD'));
  fs.writeFileSync(path.join(staged, 'recipe'), recipe);
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(staged, target);
  fs.chmodSync(target, 0o755);
}

function headersIn(folder) {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.h'))
    .map((name) => path.join(folder, name));
}

function run(work, command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: work,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  if (status === 0) return;
  const last = `${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n').slice(-15).join('\n  ');
  throw new Error(`${command} ${args.at(-1)} failed: ${error?.message ?? `exit ${status}`}\n  ${last}`);
}
