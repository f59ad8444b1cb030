// The TypeScript modules of a program as modules of the engine: types blanked in place, so that lines and columns stay.
import fs from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

// stripTypeScriptTypes says that it is experimental; the Node version is pinned.
process.removeAllListeners('warning');

const ROOT = path.join(import.meta.dirname, '../..');

/**
 * All modules that `entry` leads to, by name ('prepare-root/plan.ts'), in an order that is the same every time.
 * @param substitutes specifier → what takes its place under `name`: another `file`, or `code` that is no TypeScript
 * @returns `{ name, code }` of each
 */
export function collectModules(entry, substitutes = {}) {
  const modules = new Map();
  const visit = (name, substitute) => {
    if (modules.has(name)) return;
    const code = substitute?.code ?? strip(substitute?.file ?? name);
    modules.set(name, code);
    for (const specifier of importsOf(code)) {
      const other = substitutes[specifier];
      visit(other?.name ?? nameOf(name, specifier), other);
    }
  };
  visit(entry, substitutes[`#${entry}`]);
  return [...modules].map(([name, code]) => ({ name, code })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function strip(file) {
  const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
  try {
    return stripTypeScriptTypes(source, { mode: 'strip' });
  } catch (error) {
    throw new Error(`${file}: ${error.message}`, { cause: error });
  }
}

function importsOf(code) {
  const statements = code.matchAll(/^(?:import|export)\s(?:[^;'"()=]*\sfrom\s+)?['"]([^'"]+)['"]/gm);
  return [...statements].map(([, specifier]) => specifier);
}

function nameOf(importer, specifier) {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('./')) return path.join(path.dirname(importer), specifier);
  throw new Error(`${importer} imports '${specifier}', which the compact engine does not have`);
}
