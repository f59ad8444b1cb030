// A program of TypeScript modules as one static executable: bytecode, the engine without its parser, our host.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { sourceFolder } from '../pinned-sources.mjs';
import { collectModules } from './modules.mjs';
import { programText } from './program.mjs';
import { compileObjects, link, NATIVE } from './toolchain.mjs';

const ROOT = path.join(import.meta.dirname, '../..');
const HOST = path.join(ROOT, 'native/initramfs-host');
/** Headers that the addon has, too. */
const SHARED = path.join(ROOT, 'native');
const OUTPUT = path.join(ROOT, 'build/compact');

const ENGINE_FILES = ['quickjs.c', 'dtoa.c', 'libregexp.c', 'libunicode.c', 'cutils.c'];
const ENGINE_FLAGS = ['-DCONFIG_VERSION="2025-04-26"', '-fwrapv', '-w'];
const SODIUM_FILES = [
  'crypto_core/ed25519/ref10/ed25519_ref10.c',
  'crypto_hash/sha256/cp/hash_sha256_cp.c',
  'crypto_hash/sha512/cp/hash_sha512_cp.c',
  'crypto_sign/ed25519/ref10/open.c',
  'crypto_sign/ed25519/ref10/sign.c',
  'crypto_verify/sodium/verify.c',
  'sodium/utils.c',
];
const SODIUM_FLAGS = ['-w', '-DCONFIGURED=1', '-DNATIVE_LITTLE_ENDIAN=1'];
const HOST_FLAGS = ['-Wall', '-Wextra', '-Werror'];

/**
 * @param program `{ name, entry, allocator, intrinsics, allCalls?, substitutes?, deferred? }` (programs.mjs, program.mjs, modules.mjs)
 * @returns the path of the executable; built twice from the same sources it has the same bytes
 */
export async function buildProgram(architecture, program) {
  const folder = path.join(OUTPUT, architecture);
  const work = path.join(folder, `${program.name}.parts`);
  fs.mkdirSync(work, { recursive: true });
  const { start, later } = collectModules(program.entry, program);
  const bytecode = await compileModules([start, ...later.map((module) => [module])], work);
  fs.writeFileSync(path.join(work, 'program.c'), programText(program, { start, later, bytecode }));
  const output = path.join(folder, program.name);
  link(architecture, await objectsOf(architecture, program.name, work), output);
  return output;
}

async function objectsOf(architecture, name, work) {
  const engine = sourceFolder('quickjs');
  const sodium = path.join(sourceFolder('libsodium'), 'src/libsodium');
  const sodiumHeaders = path.join(sodium, 'include/sodium');
  const sodiumFlags = architecture === 'armv7' ? SODIUM_FLAGS : [...SODIUM_FLAGS, '-DHAVE_TI_MODE=1'];
  const hostFiles = fs.readdirSync(HOST).filter((file) => file.endsWith('.c') && file !== 'compile.c');
  return compileObjects(architecture, [
    ...ENGINE_FILES.map((file) => ({ folder: engine, file, flags: ENGINE_FLAGS })),
    ...SODIUM_FILES.map((file) => ({ folder: sodium, file, flags: sodiumFlags, includes: [sodiumHeaders] })),
    ...hostFiles.map((file) => ({
      folder: HOST,
      file,
      flags: HOST_FLAGS,
      includes: [HOST, SHARED],
      foreign: [engine, sodiumHeaders],
    })),
    {
      folder: work,
      file: 'program.c',
      name: `program-${name}`,
      flags: HOST_FLAGS,
      includes: [HOST, SHARED],
      foreign: [engine],
    },
  ]);
}

/** The bytecode of each list of modules. */
async function compileModules(lists, work) {
  const compiler = await moduleCompiler();
  const jobs = lists.map((modules, number) => ({
    output: path.join(work, `${number}.bytecode`),
    modules: modules.map(({ source, code }, index) => {
      const file = path.join(work, `${number}-${index}.js`);
      fs.writeFileSync(file, code);
      return [source, file];
    }),
  }));
  const args = jobs.flatMap(({ output, modules }) => [output, `${modules.length}`, ...modules.flat()]);
  const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(error?.message ?? stderr);
  return jobs.map(({ output }) => fs.readFileSync(output));
}

/** The engine with its parser, for this machine. */
async function moduleCompiler() {
  const engine = sourceFolder('quickjs');
  const objects = await compileObjects(NATIVE, [
    ...ENGINE_FILES.map((file) => ({ folder: engine, file, flags: ENGINE_FLAGS })),
    { folder: HOST, file: 'compile.c', flags: HOST_FLAGS, includes: [HOST, SHARED], foreign: [engine] },
  ]);
  fs.mkdirSync(path.join(OUTPUT, NATIVE), { recursive: true });
  const output = path.join(OUTPUT, NATIVE, 'compile-modules');
  link(NATIVE, objects, output);
  return output;
}
