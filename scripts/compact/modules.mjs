// The TypeScript modules of a program as modules of the engine: types blanked in place, so that lines and columns stay.
import fs from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

// stripTypeScriptTypes says that it is experimental; the Node version is pinned.
process.removeAllListeners('warning');

const ROOT = path.join(import.meta.dirname, '../..');

/** Under this and its name the host finds a module that is read when one of its functions is called. */
const DEFERRED = 'deferred:';

/**
 * All modules that `entry` leads to, by name ('prepare-root/plan.ts'), in an order that is the same every time.
 * @param substitutes specifier → what takes its place under `name`: another `file`, or `code` that is no TypeScript
 * @param deferred names of modules that export functions only: they come twice, whole as `deferred:NAME`, and as NAME
 * with functions that load it and call its own
 * @returns `start`, what is read at the start, `entry` first, and `later`, what may be wanted later; `{ name, code, source }`
 * of each, of which `source` is what errors name
 */
export function collectModules(entry, { substitutes = {}, deferred = [] } = {}) {
  const start = new Map();
  const later = new Map();
  const visit = (found, name, substitute) => {
    if (start.has(name) || found.has(name)) return;
    const code = substitute?.code ?? strip(substitute?.file ?? name);
    const isDeferred = deferred.includes(name);
    found.set(name, { name, source: name, code: isDeferred ? standIn(name, code) : code });
    if (isDeferred) later.set(DEFERRED + name, { name: DEFERRED + name, source: name, code });
    else visitImports(found, name, code);
  };
  const visitImports = (found, name, code) => {
    for (const specifier of importsOf(code)) {
      const other = substitutes[specifier];
      visit(found, other?.name ?? nameOf(name, specifier), other);
    }
  };
  visit(start, entry, substitutes[`#${entry}`]);
  // The loop comes to what it adds itself.
  for (const { name, source, code } of later.values())
    if (name.startsWith(DEFERRED)) visitImports(later, source, code);
  const unknown = deferred.filter((name) => !later.has(DEFERRED + name));
  if (unknown.length > 0) throw new Error(`${entry} does not lead to ${unknown.join(', ')}`);
  const [first, ...others] = start.values();
  return { start: [first, ...others.sort(byName)], later: [...later.values()].sort(byName) };
}

function byName(a, b) {
  return a.name < b.name ? -1 : 1;
}

/** `loadDeferred` is the host's (native/initramfs-host/main.c). */
function standIn(name, code) {
  const exports = [...code.matchAll(/^export (.*)$/gm)].map(([, text]) => {
    const [, exported] = /^function (\w+)\(/.exec(text) ?? [];
    if (exported === undefined && text.trim() !== '{};')
      throw new Error(`${name} cannot be deferred: it exports more than functions: ${text}`);
    return exported;
  });
  return exports
    .filter((exported) => exported !== undefined)
    .map(
      (exported) =>
        `export function ${exported}(...values) { return loadDeferred('${DEFERRED}${name}').${exported}(...values); }\n`,
    )
    .join('');
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
