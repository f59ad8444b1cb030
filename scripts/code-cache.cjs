// code-cache.cjs SCRIPT CACHE: all functions of SCRIPT compiled, as V8 takes them back with `cachedData`. Run by the very
// node that will use them, with --predictable and --random-seed: two runs then give the same bytes.
const fs = require('node:fs');
const v8 = require('node:v8');
const vm = require('node:vm');

const [script, cache] = process.argv.slice(2);
v8.setFlagsFromString('--no-lazy');
const compiled = new vm.Script(fs.readFileSync(script, 'latin1'), { filename: 'yum-ostree.cjs' });
// The flags are a part of the cache's key.
v8.setFlagsFromString('--lazy');
fs.writeFileSync(cache, compiled.createCachedData());
