// The unit tests of what runs in both engines, as programs of the compact engine.
import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { buildProgram } from './build.mjs';
import { INTRINSICS } from './program.mjs';
import { NATIVE } from './toolchain.mjs';

const ROOT = path.join(import.meta.dirname, '../..');
const FOLDERS = ['prepare-root', 'ostree/format', 'ostree/sysroot', 'bootloader', 'board', 'native'];
/** What a test file imports in the place of vitest. */
const HARNESS = '#test/both-engines.ts';
const FAST_CHECK = 'fast-check';

/** Everything but the parser: fast-check needs it. */
const ALL_INTRINSICS = [
  ...INTRINSICS,
  'Date',
  'RegExpCompiler',
  'RegExp',
  'JSON',
  'Proxy',
  'StringNormalize',
  'WeakRef',
];

/**
 * Builds them for an architecture: `engine-tests` has just what the product's engine has, `engine-property-tests`,
 * with the tests that use fast-check, everything.
 * @returns the paths of both
 */
export async function buildTests(architecture) {
  const files = testFiles();
  const usesFastCheck = ({ code }) => code.includes(`from '${FAST_CHECK}'`);
  const plain = files.filter((file) => !usesFastCheck(file));
  const property = files.filter(usesFastCheck);
  return [
    await buildProgram(architecture, testProgram('engine-tests', plain, INTRINSICS)),
    await buildProgram(
      architecture,
      testProgram('engine-property-tests', property, ALL_INTRINSICS, await fastCheck(architecture)),
    ),
  ];
}

function testProgram(name, files, intrinsics, substitutes = {}) {
  const entry = `test/engine/${name}.ts`;
  const code = [
    ...files.map((file) => `import '#${file.name}';\n`),
    `export { run } from '${HARNESS}';\n`,
  ].join('');
  const runner = { name: HARNESS.slice(1), file: 'test/engine/runner.ts' };
  return {
    name,
    entry,
    allocator: 'heap',
    intrinsics,
    allCalls: true,
    substitutes: { ...substitutes, [HARNESS]: runner, [`#${entry}`]: { name: entry, code } },
  };
}

function testFiles() {
  return FOLDERS.flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder))
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => ({
        name: `${folder}/${file}`,
        code: fs.readFileSync(path.join(ROOT, folder, file), 'utf8'),
      })),
  ).filter(({ code }) => code.includes(`from '${HARNESS}'`));
}

/** With a share of the cases that a test asks for: Node has had all of them, and these engines are slower. */
async function fastCheck(architecture) {
  const share = architecture === NATIVE ? 0.25 : 0.04;
  const contents = `
    import fc from '${FAST_CHECK}';
    const some = (options = {}) => ({ ...options, numRuns: Math.ceil((options.numRuns ?? 100) * ${share}) });
    export default { ...fc, assert: (property, options) => fc.assert(property, some(options)) };`;
  const bundle = await build({
    stdin: { contents, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    // For its asynchronous properties; there are none here.
    banner: { js: 'const setTimeout = undefined, clearTimeout = undefined;' },
    write: false,
    logLevel: 'warning',
  });
  return { [FAST_CHECK]: { name: FAST_CHECK, code: bundle.outputFiles[0].text } };
}
