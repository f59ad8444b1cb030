// The executable's main script: runs the program's parts with the code that V8 compiled when they were built, which spares
// every start the parsing. Code that is not this engine's is refused by V8, and costs only that time.
const sea = require('node:sea');
const vm = require('node:vm');

/** Name of a part → where its text and its code begin and end in `program`. */
const index = JSON.parse(sea.getAsset('program.json', 'latin1'));
const program = Buffer.from(sea.getRawAsset('program'));
const loaded = new Map();

function load(specifier) {
  const name = specifier.slice('./'.length);
  const before = loaded.get(name);
  if (before !== undefined) return before.exports;
  const part = { exports: {} };
  loaded.set(name, part);
  const [start, middle, end] = index[name];
  const source = program.latin1Slice(start, middle);
  const script = new vm.Script(source, { filename: name, cachedData: program.subarray(middle, end) });
  try {
    script.runInThisContext()(part.exports, load, part, __filename, __dirname);
  } catch (error) {
    // As `require` does: the next use tells the same error, not that something of the part is missing.
    loaded.delete(name);
    throw error;
  }
  return part.exports;
}

load('./main.js');
