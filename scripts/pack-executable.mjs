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
import { basename, join } from 'node:path';

const require = createRequire(import.meta.url);

const MAIN = 'executable-main.cjs';

/**
 * Flags for runs that are short: a young generation large enough that hardly any garbage is collected, yet not larger, as
 * each page of it has to be cleared; functions compiled to machine code later, and by one thread, as that takes the
 * processor from our own threads; the hashes of strings that Node was built with, as making others for a seed of one's own
 * takes a quarter of Node's start (those who hand us names could choose some of one hash, as they can with the hash tables
 * of ostree and libsolv); no thread that waits to start a debugger, and no handler for WebAssembly.
 */
const EXEC_ARGV = [
  '--min-semi-space-size=8',
  '--invocation-count-for-maglev=8000',
  '--v8-pool-size=1',
  '--no-rehash-snapshot',
  '--disable-sigusr1',
  '--disable-wasm-trap-handler',
];

/**
 * Packs the program's `parts` (of bundle.mjs) and `directory`/each of `assets` (known by their names) with the Node
 * executable `node` of `arch` ('x64' or 'arm64') into the file `output`. This process has to run the same version of
 * Node; `runner` is the command that runs the other one's, [] where none is needed.
 */
export async function packExecutable({ directory, parts, assets, node, runner, arch, output }) {
  require('@yao-pkg/pkg/lib-es5/options').default.set({});
  const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea');
  const work = mkdtempSync(join(directory, '.pack-'));
  const packed = join(work, 'executable');
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  try {
    seedNodeCache(work, node, arch);
    copyFileSync(join(import.meta.dirname, MAIN), join(work, MAIN));
    const compiled = compileParts({ parts, work, command: [...runner, node] });
    const assetFiles = [...compiled, ...assets.map((name) => join(directory, name))];
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
        execArgv: EXEC_ARGV,
        assets: Object.fromEntries(assetFiles.map((file) => [basename(file), file])),
      },
    });
    renameSync(packed, output);
  } finally {
    restore(before);
    rmSync(work, { recursive: true, force: true });
  }
}

/** The assets that MAIN runs: each part of the program as a function, with V8's code of all of it. */
function compileParts({ parts, work, command: [program, ...args] }) {
  const parameters = 'exports, require, module, __filename, __dirname';
  for (const [name, text] of parts)
    writeFileSync(join(work, name), `(function (${parameters}) {${text}\n})`, 'latin1');
  const compiler = join(import.meta.dirname, 'code-cache.cjs');
  const flags = [...EXEC_ARGV, '--predictable', '--random-seed=1'];
  execFileSync(program, [...args, ...flags, compiler, ...parts.keys()], { cwd: work, stdio: 'inherit' });
  return joined([...parts.keys()], work);
}

/** Two files, as reading many assets takes longer: all parts after another, and where each begins and ends. */
function joined(names, work) {
  const index = {};
  const pieces = [];
  let at = 0;
  for (const name of names) {
    const [text, code] = [name, `${name}.code`].map((file) => readFileSync(join(work, file)));
    index[name] = [at, at + text.length, at + text.length + code.length];
    at += text.length + code.length;
    pieces.push(text, code);
  }
  const files = [join(work, 'program'), join(work, 'program.json')];
  writeFileSync(files[0], Buffer.concat(pieces));
  writeFileSync(files[1], JSON.stringify(index));
  return files;
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
