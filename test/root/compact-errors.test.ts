/** An error of the program itself, in the compact executable: it names the line of the TypeScript source. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { makeSyntheticSysroot } from './synthetic-sysroot.ts';
import { PROJECT } from './scratch-initramfs.ts';

/** Builds prepare-root with one module that has another text, and prints where it is. */
const BUILD = `
  import { stripTypeScriptTypes } from 'node:module';
  import { buildProgram } from './scripts/compact/build.mjs';
  import { PROGRAMS } from './scripts/compact/programs.mjs';
  const [name, text] = process.argv.slice(1);
  const program = { ...PROGRAMS['ostree-prepare-root'], name: 'failing-prepare-root' };
  const substitutes = { ['#' + name]: { name, code: stripTypeScriptTypes(text) } };
  console.log(await buildProgram('x86-64', { ...program, substitutes }));
`;

test.each([
  ['that is read at the start', 'prepare-root/attempt.ts', 'decide', 1, 'ostree-prepare-root: internal: '],
  // It was to tell of another error.
  [
    'that is read when it is called',
    'prepare-root/diagnose.ts',
    'diagnose',
    70,
    'error: internal: TypeError: ',
  ],
] as const)('in a module %s', (_, module, called, status, start) => {
  const source = fs.readFileSync(`${PROJECT}/${module}`, 'utf8');
  const text = source.replace(
    new RegExp(`^(export function ${called}\\([^{]*\\{)$`, 'm'),
    `$1 null.failing;`,
  );
  const line = text.split('\n').findIndex((one) => one.endsWith('null.failing;')) + 1;
  expect(line).toBeGreaterThan(0);
  const program = built(module, text);
  const sysroot = makeSyntheticSysroot();
  try {
    const args = ['--print-plan', '--sysroot', sysroot, '--cmdline', 'quiet', '--config', '/dev/null'];
    const done = spawnSync(program, args, { encoding: 'utf8' });
    expect(done).toMatchObject({ status, stdout: '' });
    const [message, where] = done.stderr.split('\n');
    expect(message).toBe(`${start}cannot read property 'failing' of null`);
    expect(where).toMatch(new RegExp(`^ +at ${called} \\(${module}:${line}:\\d+\\)$`));
  } finally {
    fs.rmSync(sysroot, { recursive: true });
    fs.rmSync(program);
  }
});

function built(module: string, text: string): string {
  // The lock is that of all builds.
  const node = [process.execPath, '--no-warnings', '--input-type=module', '-e', BUILD, module, text];
  fs.mkdirSync(`${PROJECT}/build`, { recursive: true });
  return execFileSync('flock', ['build/.lock-dist', ...node], { cwd: PROJECT, encoding: 'utf8' }).trim();
}
