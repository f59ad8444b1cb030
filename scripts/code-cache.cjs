// code-cache.cjs SCRIPT…: all functions of each script compiled, into SCRIPT.code, as V8 takes them back with `cachedData`.
// The code holds the argument: a name in the working directory, so that it does not tell where it was built.
// Run by the very node that will use them, with --predictable and --random-seed: two runs then give the same bytes.
const fs = require('node:fs');
const v8 = require('node:v8');
const vm = require('node:vm');

for (const script of process.argv.slice(2)) {
  v8.setFlagsFromString('--no-lazy');
  const compiled = new vm.Script(fs.readFileSync(script, 'latin1'), { filename: script });
  // The flags are a part of the code's key.
  v8.setFlagsFromString('--lazy');
  fs.writeFileSync(`${script}.code`, compiled.createCachedData());
}
