// The executable's main script: runs the bundle with the code that V8 compiled when it was built, which spares every
// start the parsing. Code that is not this engine's is refused by V8, and costs only that time.
const sea = require('node:sea');
const vm = require('node:vm');

const source = Buffer.from(sea.getRawAsset('program.js')).latin1Slice();
const cachedData = Buffer.from(sea.getRawAsset('program.cache'));
const script = new vm.Script(source, { filename: 'yum-ostree.cjs', cachedData });
script.runInThisContext()(exports, require, module, __filename, __dirname);
