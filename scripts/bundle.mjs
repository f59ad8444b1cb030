// yum-ostree.cjs and openpgp.cjs, for an installed Node and for the executable.
import { createRequire } from 'node:module';
import { chmodSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { build, transform } from 'esbuild';

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

/** Of the program's own bundles. */
const PROGRAM = {
  ...COMMON,
  entryPoints: [join(root, 'cli/main.ts')],
  plugins: [
    { name: 'openpgp-apart', setup: keepOpenpgpApart },
    { name: 'builtins-when-used', setup: loadBuiltinsWhenUsed },
  ],
};

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
    await build({ ...PROGRAM, outfile: join(directory, 'yum-ostree.cjs') }),
  ];
  chmodSync(join(directory, 'yum-ostree.cjs'), 0o755);
  const files = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const names = files.map((file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/**
 * The same program in parts, one for what is always used together: name → CommonJS text. `main.js` is the first; a part
 * gets others by `require('./NAME')`, those of a verb when the verb is called.
 */
export async function bundleParts() {
  const { outputFiles, metafile } = await build({
    ...PROGRAM,
    format: 'esm',
    splitting: true,
    outdir: 'parts',
    write: false,
  });
  refuseCycles(metafile.outputs);
  const parts = outputFiles.map(async ({ path, text }) => [basename(path), await commonJs(text)]);
  return new Map((await Promise.all(parts)).sort());
}

/** @throws Error where a part needs itself, through others: it would take names that have no value yet */
function refuseCycles(outputs) {
  const done = new Set();
  const visit = (file, above) => {
    if (above.includes(file)) throw new Error(`parts need each other: ${[...above, file].join(' -> ')}`);
    if (done.has(file)) return;
    const needed = outputs[file].imports.filter(
      ({ kind, external }) => kind === 'import-statement' && !external,
    );
    for (const { path } of needed) visit(path, [...above, file]);
    done.add(file);
  };
  for (const file of Object.keys(outputs)) visit(file, []);
}

/** One statement of a part's head, as esbuild writes them: what it takes from another part. */
const TAKEN = /^import\{([^}]*)\}from"(\.\/[^"]+)";/;

/** Each name is taken from its part once, not at each use: no part is loaded while it loads another that needs it. */
async function commonJs(text) {
  let head = '';
  let rest = text.replace(/^#!.*\n/, '');
  for (let taken = TAKEN.exec(rest); taken !== null; taken = TAKEN.exec(rest)) {
    head += `const{${taken[1].replaceAll(' as ', ':')}}=require("${taken[2]}");`;
    rest = rest.slice(taken[0].length);
  }
  const { code } = await transform(head + rest, {
    format: 'cjs',
    target: 'node24',
    // There is no loader of modules in the executable: a part that is imported is required.
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
  });
  return code;
}

function keepOpenpgpApart({ onResolve, onLoad }) {
  onResolve({ filter: /^openpgp$/ }, () => ({ path: 'openpgp', namespace: 'apart' }));
  onLoad({ filter: /.*/, namespace: 'apart' }, () => ({
    contents: [
      `import { loadScript } from ${JSON.stringify(join(root, 'native/load-script.ts'))};`,
      `export const { ${Object.keys(require('openpgp')).join(', ')} } = loadScript('openpgp.cjs');`,
    ].join('\n'),
    resolveDir: root,
  }));
}

/** Of Node's modules, those that every process has loaded when its script begins. */
const LOADED_ANYHOW = ['buffer', 'events', 'fs', 'path', 'url', 'util', 'vm'];

/**
 * Node's modules, without the copy of all their properties that an import of a CommonJS module makes; and those that are
 * not loaded anyhow only when something of them is first used. Streams, sockets and child processes, which nearly all of
 * them bring, take longer to load than many a command runs.
 */
function loadBuiltinsWhenUsed({ onResolve, onLoad }) {
  onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => {
    const name = path.replace(/^node:/, '');
    if (!isBuiltin(path)) return undefined;
    if (!LOADED_ANYHOW.includes(name)) return { path: name, namespace: 'when-used' };
    return { path: name, namespace: kind === 'require-call' ? 'loaded' : 'imported' };
  });
  const source = (contents) => (name) => ({
    contents: contents(name.path, Object.keys(require(`node:${name.path}`))),
  });
  onLoad({ filter: /.*/, namespace: 'when-used' }, source(whenUsed));
  onLoad({ filter: /.*/, namespace: 'imported' }, source(imported));
  onLoad({ filter: /.*/, namespace: 'loaded' }, source(builtin));
}

const builtin = (name) => `module.exports = process.getBuiltinModule('node:${name}');`;

function whenUsed(name, names) {
  const get = `() => process.getBuiltinModule('node:${name}')[name]`;
  const define = `Object.defineProperty(exports, name, { enumerable: true, get: ${get} })`;
  return `for (const name of ${JSON.stringify(names)}) ${define};`;
}

/** An ECMAScript module, of whose names only those that somebody imports stay in the bundle. */
function imported(name, names) {
  const named = names
    .filter((one) => one !== 'default')
    .map((one) => `export const ${one} = /* @__PURE__ */ of('${one}');`);
  return [
    `const builtin = process.getBuiltinModule('node:${name}');`,
    'const of = (name) => builtin[name];',
    'export default builtin;',
    ...named,
  ].join('\n');
}
