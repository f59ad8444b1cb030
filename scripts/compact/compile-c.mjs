// compile-c.mjs SOURCE OUTPUT: a C file as a static executable of this machine, as the compact executables are linked.
import path from 'node:path';
import { compileObjects, link, NATIVE } from './toolchain.mjs';

const [source, output] = process.argv.slice(2);
const objects = await compileObjects(NATIVE, [
  {
    folder: path.resolve(path.dirname(source)),
    file: path.basename(source),
    flags: ['-Wall', '-Wextra', '-Werror'],
  },
]);
link(NATIVE, objects, path.resolve(output));
