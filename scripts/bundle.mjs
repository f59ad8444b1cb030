// yum-ostree.cjs and openpgp.cjs, for an installed Node and for the executable.
import { createRequire } from 'node:module';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const root = join(import.meta.dirname, '..');

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
  absWorkingDir: root,
  metafile: true,
  logLevel: 'warning',
};

/** Files that `bundle` makes. */
export const BUNDLES = ['yum-ostree.cjs', 'openpgp.cjs'];

/**
 * Writes the bundles into `directory` and returns the npm packages that they contain. OpenPGP is half of all code and
 * seldom needed: a script of its own, so that not every start parses it.
 */
export async function bundle(directory) {
  const results = [
    await build({
      ...COMMON,
      entryPoints: [require.resolve('openpgp')],
      outfile: join(directory, 'openpgp.cjs'),
    }),
    await build({
      ...COMMON,
      entryPoints: [join(root, 'cli/main.ts')],
      outfile: join(directory, 'yum-ostree.cjs'),
      plugins: [{ name: 'openpgp-apart', setup: keepOpenpgpApart }],
    }),
  ];
  chmodSync(join(directory, 'yum-ostree.cjs'), 0o755);
  const files = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const names = files.map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function keepOpenpgpApart({ onResolve, onLoad }) {
  onResolve({ filter: /^openpgp$/ }, () => ({ path: 'openpgp', namespace: 'apart' }));
  onLoad({ filter: /.*/, namespace: 'apart' }, () => ({
    contents: `module.exports = require(${JSON.stringify(join(root, 'native/load-script.ts'))}).loadScript('openpgp.cjs');`,
    resolveDir: root,
  }));
}
