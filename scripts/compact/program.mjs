// The C file that says what one executable consists of (native/initramfs-host/host.h).
import fs from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../..');

/** What of the language every program has; what is not named is not there (no parser, RegExp, Date, Proxy, JSON). */
export const INTRINSICS = ['BaseObjects', 'MapSet', 'TypedArrays', 'Promise'];

/**
 * @param program `{ allocator, intrinsics, allCalls }`
 * @param modules `{ start, later, bytecode }`: modules (modules.mjs), and the bytecode of all of `start` and of each of `later`
 */
export function programText(program, { start, later, bytecode }) {
  const calls = program.allCalls ? systemCalls() : usedCalls([...start, ...later]);
  const names = [start[0].name, ...later.map(({ name }) => name)];
  const [first, ...others] = names.map(
    (name, index) => `{"${name}", module_${index}, sizeof module_${index}}`,
  );
  return [
    '#include "host.h"',
    ...calls.map(([name]) => `JSCFunction call_${name};`),
    ...bytecode.map((bytes, index) => `static const uint8_t module_${index}[] = {${[...bytes].join()}};`),
    `const struct module program_start = ${first};`,
    `const struct module program_modules[] = {${others.join()}};`,
    `const size_t program_module_count = ${others.length};`,
    'const JSCFunctionListEntry program_calls[] = {',
    ...calls.map(([name, arity]) => `JS_CFUNC_DEF("${name}", ${arity}, call_${name}),`),
    '};',
    `const int program_call_count = ${calls.length};`,
    `const JSMallocFunctions *const program_allocator = &${program.allocator}_functions;`,
    'void program_add_intrinsics(JSContext *c) {',
    ...program.intrinsics.map((name) => `JS_AddIntrinsic${name}(c);`),
    '}',
    '',
  ].join('\n');
}

/** [name, number of parameters] of the interface's methods. */
function systemCalls() {
  const text = fs.readFileSync(path.join(ROOT, 'native/syscalls.ts'), 'utf8');
  const start = text.indexOf('export interface Syscalls {');
  const body = text.slice(start, text.indexOf('\n}\n', start));
  return [...body.matchAll(/^ {2}(\w+)\(([^)]*)\)/gm)].map(([, name, parameters]) => [
    name,
    parameters.split(',').filter((one) => one.trim() !== '').length,
  ]);
}

/** Whatever looks like a use counts. */
function usedCalls(modules) {
  const words = new Set(
    modules.flatMap(({ code }) => [...code.matchAll(/\.\s*(\w+)/g)].map(([, word]) => word)),
  );
  return systemCalls().filter(([name]) => words.has(name));
}
