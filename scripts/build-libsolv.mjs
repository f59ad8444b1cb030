// Builds libsolv statically into native/vendor[/aarch64]/libsolv, from the distribution's source package. Done once.
// The distribution ships no static library, and its shared libsolvext pulls in librpm and twenty more libraries.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { sourceFolder, sourceName } from './pinned-sources.mjs';
import { isPlain, run } from './run-command.mjs';

const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DCMAKE_POSITION_INDEPENDENT_CODE=ON',
  '-DDISABLE_SHARED=ON',
  '-DENABLE_STATIC=ON',
  '-DMULTI_SEMANTICS=ON',
  '-DENABLE_COMPLEX_DEPS=ON',
  '-DENABLE_RPMMD=ON',
  '-DENABLE_COMPS=ON',
  '-DENABLE_ZSTD_COMPRESSION=ON',
  '-DENABLE_LZMA_COMPRESSION=ON',
];
const COMPILER_FLAGS = ['-fvisibility=hidden', '-ffunction-sections', '-fdata-sections', '-w'];
/** What is changed in its sources: nothing but speed depends on it. */
const PATCHES = [
  /*
   * The hash of (name, relation, version) puts the same version of many packages side by side, and its chains grow long:
   * reading 18,000 packages takes three times as long as with a hash that spreads.
   */
  {
    file: 'src/hash.h',
    from: 'return name + 7 * evr + 13 * flags;',
    to: 'Hashval h = (Hashval)name * 0x9e3779b1u + (Hashval)evr * 0x85ebca6bu + (Hashval)flags * 13; return h ^ (h >> 15);',
  },
  // Its hash of all names is dropped here only for the next look-up to make it anew.
  {
    file: 'src/pool.c',
    from: 'pool_freeidhashes(pool);\t/* XXX: should not be here! */',
    to: '',
  },
  // Sorting the lists of providers, to store like ones once, takes longer than making them; it spares a megabyte.
  {
    file: 'src/pool.c',
    from: '  pool_shrink_whatprovides(pool);\n',
    to: '  (void)pool_shrink_whatprovides;\n',
  },
  // Places in a hash table of megabytes are fetched before they are needed.
  {
    file: 'src/repo_solv.c',
    from: '      for (i = 1; i < numid; i++)\n\t{\n\t  if (sp >= strsp + sizeid)',
    to: `      Hashval *hashes = solv_malloc2(numid + 1, sizeof(Hashval));
      const char *hp = sp;
      for (i = 1; i < numid && hp < strsp + sizeid; i++)
	{
	  hashes[i] = strhash(hp);
	  hp += strlen(hp) + 1;
	}
      const int nhashes = i;
      for (i = 1; i < numid; i++)
	{
	  if (i + 16 < nhashes)
	    __builtin_prefetch(hashtbl + (hashes[i + 16] & hashmask), 1);
	  if (sp >= strsp + sizeid)
	    solv_free(hashes);
	  if (sp >= strsp + sizeid)`,
  },
  {
    file: 'src/repo_solv.c',
    from: '\t  h = strhash(sp) & hashmask;',
    to: '\t  h = hashes[i] & hashmask;',
  },
  {
    file: 'src/repo_solv.c',
    from: '      stringpool_shrink(spool);\t\t/* vacuum */\n    }',
    to: '      solv_free(hashes);\n      stringpool_shrink(spool);\t\t/* vacuum */\n    }',
  },
  {
    file: 'src/repo_solv.c',
    from: `      for (i = 0; i < numrel; i++)
	{
	  name = read_id(&data, i + numid);	/* read (repo relative) Ids */
	  evr = read_id(&data, i + numid);
	  relflags = read_u8(&data);
	  name = idmap[name];		/* map to (pool relative) Ids */
	  evr = idmap[evr];
`,
    to: `      enum { AHEAD = 32 };
      Reldep ahead[AHEAD];
      for (i = 0; i < numrel; i++)
	{
	  /* one that is made of others of the same batch has to wait for them */
	  if (i % AHEAD == 0)
	    {
	      int k;
	      for (k = 0; k < AHEAD && i + k < numrel; k++)
		{
		  ahead[k].name = read_id(&data, i + k + numid);	/* read (repo relative) Ids */
		  ahead[k].evr = read_id(&data, i + k + numid);
		  ahead[k].flags = read_u8(&data);
		  __builtin_prefetch(hashtbl + (relhash(idmap[ahead[k].name], idmap[ahead[k].evr], ahead[k].flags) & hashmask), 1);
		}
	    }
	  name = ahead[i % AHEAD].name;
	  evr = ahead[i % AHEAD].evr;
	  relflags = ahead[i % AHEAD].flags;
	  name = idmap[name];		/* map to (pool relative) Ids */
	  evr = idmap[evr];
`,
  },
];

/** Compiled by the machine's own compiler where it is the machine's architecture. */
const VENDORS = { x64: 'native/vendor', arm64: 'native/vendor/aarch64' };

// As the command that holds the lock; else a module.
if (process.argv[1] === import.meta.filename) build(process.argv[2]);

/**
 * Sees to it that libsolv is there for an architecture ('x64', 'arm64'), and ends the process where that fails. Another
 * architecture than the machine's needs the compiler and the libraries of cross-aarch64.mjs.
 */
export function ensureLibsolv(arch = process.arch) {
  if (isBuilt(arch)) return;
  fs.mkdirSync(vendorOf(arch), { recursive: true });
  runLocked(arch);
}

function vendorOf(arch) {
  return path.join(import.meta.dirname, '..', VENDORS[arch]);
}

function crossOptions(arch) {
  if (arch === process.arch) return [];
  return [
    '-DCMAKE_SYSTEM_NAME=Linux',
    '-DCMAKE_SYSTEM_PROCESSOR=aarch64',
    '-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc',
    '-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++',
    '-DCMAKE_LIBRARY_ARCHITECTURE=aarch64-linux-gnu',
    '-DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY',
    '-DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY',
  ];
}

function recipeOf(arch) {
  const inputs = [
    sourceName('libsolv'),
    [...CMAKE_OPTIONS, compilerFlags('/'), ...crossOptions(arch)],
    PATCHES,
    arch,
  ];
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
}

function isBuilt(arch) {
  const stamp = path.join(vendorOf(arch), 'libsolv/recipe');
  return fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === recipeOf(arch);
}

/** Two commands of one checkout may arrive here at the same time: the second waits and finds the work done. */
function runLocked(arch) {
  process.stderr.write(`set-up: building libsolv for ${arch} (about half a minute, once)\n`);
  const command = [path.join(vendorOf(arch), '.lock'), process.execPath, import.meta.filename, arch];
  const { status } = spawnSync('flock', command, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

function build(arch) {
  if (isBuilt(arch)) return;
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'libsolv-'));
  try {
    const source = patchedSource(work);
    compile(work, source, arch);
    publish(work, source, arch);
  } catch (error) {
    process.stderr.write(`error: set-up: building libsolv: ${error.message}\n`);
    process.exitCode = 1;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** A copy of the source package, with our changes. */
function patchedSource(work) {
  const source = path.join(work, 'source');
  fs.cpSync(sourceFolder('libsolv'), source, { recursive: true });
  for (const patch of PATCHES) apply(patch, source);
  return source;
}

function apply({ file, from, to }, source) {
  const place = path.join(source, file);
  const text = fs.readFileSync(place, 'utf8');
  if (text.split(from).length !== 2)
    throw new Error(`${file} does not hold once what is to be replaced: ${from.trim().split('\n')[0]}`);
  // A function, as `$` in a text would have a meaning.
  fs.writeFileSync(
    place,
    text.replace(from, () => to),
  );
}

function compile(work, source, arch) {
  const out = path.join(work, 'out');
  const cross = crossOptions(arch);
  if (cross.length > 0) cross.push(`-DCMAKE_FIND_ROOT_PATH=${path.join(vendorOf(arch), 'sysroot')}`);
  const options = [`-DCMAKE_C_FLAGS=${compilerFlags(source)}`, ...CMAKE_OPTIONS, ...cross];
  run(work, 'cmake', ['-S', source, '-B', out, '-G', 'Ninja', ...options]);
  run(work, 'ninja', ['-C', out, 'src/libsolv.a', 'ext/libsolvext.a']);
}

/** Asserts hold the names of the sources: not where they were compiled. As a shell reads them. */
function compilerFlags(source) {
  const map = `-ffile-prefix-map=${source}=libsolv`;
  return [...COMPILER_FLAGS, isPlain(map) ? map : `'${map}'`].join(' ');
}

/** Puts the finished folder in place with one rename; a crash leaves none or the whole. */
function publish(work, source, arch) {
  const vendor = vendorOf(arch);
  const target = path.join(vendor, 'libsolv');
  const out = path.join(work, 'out');
  const staged = fs.mkdtempSync(path.join(vendor, '.staged-'));
  const include = path.join(staged, 'include/solv');
  fs.mkdirSync(include, { recursive: true });
  const headers = ['src', 'ext'].flatMap((folder) => headersIn(path.join(source, folder)));
  for (const file of [...headers, path.join(out, 'src/solvversion.h')])
    fs.copyFileSync(file, path.join(include, path.basename(file)));
  for (const library of ['src/libsolv.a', 'ext/libsolvext.a'])
    fs.copyFileSync(path.join(out, library), path.join(staged, path.basename(library)));
  fs.copyFileSync(path.join(source, 'LICENSE.BSD'), path.join(staged, 'LICENSE.BSD'));
  fs.writeFileSync(path.join(staged, 'recipe'), recipeOf(arch));
  fs.rmSync(target, { recursive: true, force: true });
  fs.renameSync(staged, target);
  fs.chmodSync(target, 0o755);
}

function headersIn(folder) {
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.h'))
    .map((name) => path.join(folder, name));
}
