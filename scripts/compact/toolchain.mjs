// C to static executables with musl, for each architecture that Debian has a compiler for; objects are compiled once.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { sourceFolder } from '../pinned-sources.mjs';

const OBJECTS = path.join(import.meta.dirname, '../../native/vendor/compact/objects');

/** `gnu`: of Debian's compiler, which brings libgcc; `musl`: of the folders in Debian's musl-dev. */
export const ARCHITECTURES = {
  'x86-64': {
    gnu: 'x86_64-linux-gnu',
    musl: 'x86_64-linux-musl',
    debian: 'amd64',
    node: 'x64',
    qemu: 'qemu-x86_64',
  },
  aarch64: {
    gnu: 'aarch64-linux-gnu',
    musl: 'aarch64-linux-musl',
    debian: 'arm64',
    node: 'arm64',
    qemu: 'qemu-aarch64',
  },
  armv7: {
    gnu: 'arm-linux-gnueabihf',
    musl: 'arm-linux-musleabihf',
    debian: 'armhf',
    node: 'arm',
    qemu: 'qemu-arm',
  },
};

/** The machine's own. */
export const NATIVE = Object.keys(ARCHITECTURES).find((name) => ARCHITECTURES[name].node === process.arch);

/** What a program of the architecture is run with here: nothing, or qemu-user. */
export function emulator(architecture) {
  return architecture === NATIVE ? [] : [ARCHITECTURES[architecture].qemu];
}

const COMMON_FLAGS = [
  '-Os',
  '-std=gnu11',
  '-D_GNU_SOURCE',
  '-fno-pie',
  '-fno-asynchronous-unwind-tables',
  '-fno-unwind-tables',
  '-fno-ident',
  '-ffunction-sections',
  '-fdata-sections',
];

/**
 * The object files of C sources, compiled where nothing about them is as it was.
 * @param sources `{ folder, file, name?, flags, includes, foreign }`; the folders in the last two are searched for headers,
 * which may warn where they are foreign
 */
export async function compileObjects(architecture, sources) {
  const compiler = compilerOf(architecture);
  const folder = path.join(OBJECTS, architecture);
  fs.mkdirSync(folder, { recursive: true });
  const jobs = sources.map((source) => objectJob(compiler, folder, source));
  const missing = jobs.filter(({ object }) => !fs.existsSync(object));
  const queue = [...missing];
  await Promise.all(os.cpus().map(() => drain(queue)));
  return jobs.map(({ object }) => object);
}

async function drain(queue) {
  for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job.compile();
}

/** Links objects to a static executable at `output`, which appears whole or not at all. */
export function link(architecture, objects, output) {
  const { command, gcc, musl } = compilerOf(architecture);
  const temporary = `${output}.${process.pid}`;
  const start = [path.join(musl.lib, 'crt1.o'), path.join(musl.lib, 'crti.o'), path.join(gcc, 'crtbeginT.o')];
  const end = [path.join(gcc, 'crtend.o'), path.join(musl.lib, 'crtn.o')];
  const libraries = ['-Wl,--start-group', '-lc', '-lgcc', '-lgcc_eh', '-Wl,--end-group'];
  const options = [
    '-static',
    '-no-pie',
    '-nostdlib',
    '-nostartfiles',
    '-s',
    '-Wl,--gc-sections',
    '-Wl,--build-id=none',
  ];
  const layout = ['-Wl,-z,norelro', '-Wl,-z,noseparate-code', '-Wl,--hash-style=gnu'];
  run(
    command,
    [...options, ...layout, ...start, ...objects, `-L${musl.lib}`, ...libraries, ...end, '-o', temporary],
    '/',
  );
  fs.renameSync(temporary, output);
}

function compilerOf(architecture) {
  const { gnu, musl, debian } = ARCHITECTURES[architecture];
  const command = `${gnu}-gcc`;
  const version = spawnSync(command, ['-dumpfullversion'], { encoding: 'utf8' });
  if (version.status !== 0)
    throw new Error(
      `no compiler ${command}\nhint: Debian has it in the package gcc-${gnu.replace('_', '-')}`,
    );
  const gcc = path.dirname(run(command, ['-print-file-name=crtbeginT.o'], '/').trim());
  const root = sourceFolder(`musl-${debian}`);
  return {
    command,
    version: version.stdout.trim(),
    gcc,
    musl: { include: path.join(root, 'usr/include', musl), lib: path.join(root, 'usr/lib', musl) },
  };
}

function objectJob(
  compiler,
  folder,
  { folder: sourceFolder, file, name: given, flags = [], includes = [], foreign = [] },
) {
  const all = [...COMMON_FLAGS, ...flags];
  const text = fs.readFileSync(path.join(sourceFolder, file));
  const hash = createHash('sha256')
    .update(JSON.stringify([compiler.command, compiler.version, all]))
    .update(text);
  for (const include of [...includes, ...foreign]) hash.update(headersIn(include));
  const name = given ?? path.basename(file, '.c');
  const object = path.join(folder, `${name}-${hash.digest('hex').slice(0, 16)}.o`);
  const compile = async () => {
    const temporary = `${object}.${process.pid}`;
    const system = [
      '-nostdinc',
      '-isystem',
      compiler.musl.include,
      '-isystem',
      path.join(compiler.gcc, 'include'),
    ];
    const headers = [...includes.map((one) => `-I${one}`), ...foreign.flatMap((one) => ['-isystem', one])];
    const args = [...all, ...headers, ...system, '-c', file, '-o', temporary];
    // In the source's folder: asserts hold the name as it is given.
    await runInBackground(compiler.command, args, sourceFolder);
    fs.renameSync(temporary, object);
    removeOlder(folder, name, object);
  };
  return { object, compile };
}

function headersIn(folder) {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.h'));
  return names.map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('');
}

function removeOlder(folder, name, object) {
  for (const other of fs.readdirSync(folder))
    if (other.slice(0, -'-0123456789abcdef.o'.length) === name && path.join(folder, other) !== object)
      fs.rmSync(path.join(folder, other), { force: true });
}

function run(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`);
  return stdout;
}

async function runInBackground(command, args, cwd) {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let messages = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (messages += text));
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (status !== 0) throw new Error(`${command} ${args.at(-3)} failed:\n${messages}`);
}
