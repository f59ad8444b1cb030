// The executable's main script: runs the program's parts with the code that V8 compiled when they were built, which spares
// every start the parsing. Code that is not this engine's is refused by V8, and costs only that time.
const sea = require('node:sea');
const vm = require('node:vm');

const loaded = new Map();

function load(specifier) {
  const name = specifier.slice('./'.length);
  const before = loaded.get(name);
  if (before !== undefined) return before.exports;
  const part = { exports: {} };
  loaded.set(name, part);
  const source = Buffer.from(sea.getRawAsset(name)).latin1Slice();
  const cachedData = Buffer.from(sea.getRawAsset(`${name}.code`));
  const script = new vm.Script(source, { filename: name, cachedData });
  script.runInThisContext()(part.exports, load, part, __filename, __dirname);
  return part.exports;
}

load('./main.js');
