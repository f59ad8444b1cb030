// One executable: Node with a script and files inside, by pkg's simple `sea` pipeline. It has no bootstrap of its own,
// ignores NODE_OPTIONS and leaves nothing on disk. The same input gives the same bytes, wherever it is built.
import { createRequire } from 'node:module';
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * Packs `directory`/`main` and `directory`/each of `assets` (known by their names) with the Node executable `node` of
 * `arch` ('x64' or 'arm64') into the file `output`. This process has to run the same version of Node.
 */
export async function packExecutable({ directory, main, assets, node, arch, output }) {
  require('@yao-pkg/pkg/lib-es5/options').default.set({});
  const { default: sea } = require('@yao-pkg/pkg/lib-es5/sea');
  const work = mkdtempSync(join(directory, '.pack-'));
  const packed = join(work, 'executable');
  const before = { HOME: process.env.HOME, TMPDIR: process.env.TMPDIR };
  try {
    seedNodeCache(work, node, arch);
    copyFileSync(join(directory, main), join(work, main));
    // HOME is where pkg looks for downloaded Nodes; below TMPDIR it makes the directory that it runs in.
    Object.assign(process.env, { HOME: work, TMPDIR: work });
    await sea(join(directory, main), {
      targets: [{ platform: 'linux', arch, nodeRange: `node${process.versions.node}`, output: packed }],
      seaConfig: {
        // The executable holds this path: it must not tell where it was built.
        main: join('..', main),
        disableExperimentalSEAWarning: true,
        execArgvExtension: 'none',
        useSnapshot: false,
        // Gains a millisecond, makes two builds differ, and only fits the architecture that builds.
        useCodeCache: false,
        // A larger young generation from the start: a short run then collects no garbage.
        execArgv: ['--min-semi-space-size=16'],
        assets: Object.fromEntries(assets.map((name) => [name, join(directory, name)])),
      },
    });
    renameSync(packed, output);
  } finally {
    restore(before);
    rmSync(work, { recursive: true, force: true });
  }
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
