import { createRequire } from 'node:module';
import path from 'node:path';
import sea from 'node:sea';
import vm from 'node:vm';

/**
 * The exports of a CommonJS script that is shipped beside the bundle, or inside the single executable. What is needed
 * seldom and is large stays out of the bundle so: every start has to parse the bundle.
 */
export function loadScript(name: string): unknown {
  const file = path.join(import.meta.dirname, name);
  if (!sea.isSea()) return createRequire(import.meta.url)(file);
  const module = { exports: {} as unknown };
  const wrapper = `(function (exports, require, module, __filename) {${sea.getAsset(name, 'utf8')}\n})`;
  const run = vm.runInThisContext(wrapper, { filename: name }) as (...args: unknown[]) => void;
  run(module.exports, (builtin: string) => process.getBuiltinModule(builtin), module, process.execPath);
  return module.exports;
}
