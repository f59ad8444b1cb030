// One executable: Node with a script and files inside, by pkg's simple `sea` pipeline. It has no bootstrap of its own,
// ignores NODE_OPTIONS and leaves nothing on disk. The same input gives the same bytes, wherever it is built.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

const MAIN = 'executable-main.cjs';

/**
 * Packs the CommonJS bundle `directory`/`main` and `directory`/each of `assets` (known by their names) with the Node
 * executable `node` of `arch` ('x64' or 'arm64') into the file `output`. This process has to run the same version of
 * Node; `runner` is the command that runs the other one's, [] where none is needed.
 */
export async function packExecutable({ directory, main, assets, node, runner, arch, output }) {
  require('@yao-pkg/pkg/lib-es5/options').default.set({});
  const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea');
  const work = mkdtempSync(join(directory, '.pack-'));
  const packed = join(work, 'executable');
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  try {
    seedNodeCache(work, node, arch);
    copyFileSync(join(import.meta.dirname, MAIN), join(work, MAIN));
    const compiled = compileBundle({ bundle: join(directory, main), work, command: [...runner, node] });
    // HOME is where pkg looks for downloaded Nodes; below TMPDIR it makes the directory that it runs in.
    Object.assign(process.env, { HOME: work, TMPDIR: work });
    await sea(join(work, MAIN), {
      targets: [{ platform: 'linux', arch, nodeRange: `node${process.versions.node}`, output: packed }],
      seaConfig: {
        // The executable holds this path: it must not tell where it was built.
        main: join('..', MAIN),
        disableExperimentalSEAWarning: true,
        execArgvExtension: 'none',
        useSnapshot: false,
        // Makes two builds differ, and only fits the architecture that builds; the bundle's own is among the assets.
        useCodeCache: false,
        // A larger young generation from the start: a short run then collects no garbage.
        execArgv: ['--min-semi-space-size=16'],
        assets: { ...Object.fromEntries(assets.map((name) => [name, join(directory, name)])), ...compiled },
      },
    });
    renameSync(packed, output);
  } finally {
    restore(before);
    rmSync(work, { recursive: true, force: true });
  }
}

/** The assets that MAIN runs: the bundle as one function, and V8's code of all of it. */
function compileBundle({ bundle, work, command: [program, ...args] }) {
  // Without the first line's interpreter, and without a line more, so that stacks tell the bundle's lines.
  const text = readFileSync(bundle, 'latin1').replace(/^#!.*/, '');
  const [script, cache] = [join(work, 'program.js'), join(work, 'program.cache')];
  const parameters = 'exports, require, module, __filename, __dirname';
  writeFileSync(script, `(function (${parameters}) {${text}\n})`, 'latin1');
  const compiler = join(import.meta.dirname, 'code-cache.cjs');
  const flags = ['--predictable', '--random-seed=1'];
  execFileSync(program, [...args, ...flags, compiler, script, cache], { stdio: 'inherit' });
  return { 'program.js': script, 'program.cache': cache };
}

/** pkg would ask an executable given by path for its version, which one of another architecture cannot tell. */
function seedNodeCache(home, node, arch) {
  const name = `node-v${process.versions.node}-linux-${arch}`;
  const cache = join(home, '.pkg-cache/sea');
  mkdirSync(join(cache, name, 'bin'), { recursive: true });
  copyFileSync(node, join(cache, name, 'bin/node'));
  for (const file of [`${name}/bin/node.ok`, `${name}.tar.gz`, `${name}.tar.gz.ok`])
    writeFileSync(join(cache, file), '');
}

function restore(variables) {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
