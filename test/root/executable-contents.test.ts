/** What dist/ holds beside the programs: notices; and that its bytes come from the sources alone. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { builtPrograms } from '#test/fixtures/built-programs.ts';

const PROJECT = path.join(import.meta.dirname, '../..');

describe.each(['x86-64', 'aarch64'] as const)('the notices for %s', (architecture) => {
  let notices: string;
  let compact: string;
  beforeAll(() => {
    const folder = builtPrograms(architecture);
    notices = fs.readFileSync(path.join(folder, 'notices.txt'), 'utf8');
    compact = fs.readFileSync(path.join(folder, 'notices-compact.txt'), 'utf8');
  });

  test('name every component of Node, as it counts them itself', () => {
    // Not code of others: versions of interfaces, and Node itself under another name.
    const own = ['napi', 'modules', 'node', 'v8', 'nbytes', 'unicode', 'cldr', 'tz', 'ncrypto'];
    const names: Readonly<Record<string, string>> = {
      ares: 'c-ares',
      uv: 'libuv',
      acorn: 'Acorn',
      openssl: 'OpenSSL',
      icu: 'ICU',
      cjs_module_lexer: 'cjs-module-lexer',
      merve: 'merve',
      sqlite: 'SQLite',
    };
    const missing = Object.keys(process.versions)
      .filter((name) => !own.includes(name))
      .filter((name) => !notices.toLowerCase().includes((names[name] ?? name).toLowerCase()));
    expect(missing).toEqual([]);
    expect(notices).toContain('- V8, located at deps/v8, is licensed as follows:');
  });

  test('name every npm package that may be in the bundle', () => {
    const dependencies = productionPackages();
    expect(dependencies).toContain('openpgp');
    expect(headings(notices)).toEqual(expect.arrayContaining(dependencies));
  });

  test('name every library that the addons are linked with, with a sentence of its own licence', () => {
    const sentences: Readonly<Record<string, string>> = {
      'libsolv.a': 'Novell',
      'libsolvext.a': 'Novell',
      'liblzma.a': 'Lasse Collin',
      'libz.a': 'Jean-loup Gailly',
      'libzstd.a': 'Yann Collet',
    };
    const gyp = fs.readFileSync(path.join(PROJECT, 'native/binding.gyp'), 'utf8');
    const linked = [...new Set(gyp.match(/\blib\w+\.a\b/g))];
    expect(linked.sort()).toEqual(Object.keys(sentences).sort());
    for (const library of linked) expect(notices, library).toContain(sentences[library] ?? library);
    for (const text of ['author disclaims copyright', 'GCC RUNTIME LIBRARY EXCEPTION', 'Apache License'])
      expect(notices).toContain(text);
  });

  test('of the compact executables name the engine and the libraries', () => {
    for (const text of ['Fabrice Bellard', 'Frank Denis', 'Rich Felker', 'GCC RUNTIME LIBRARY EXCEPTION'])
      expect(compact).toContain(text);
  });
});

test('built again from a copy of the sources at another place, every file has the same bytes', () => {
  builtPrograms('x86-64');
  const check = spawnSync(process.execPath, ['scripts/check-reproducible.mjs', '--compiled'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  expect(check.stdout + check.stderr).toMatch(/^same .* yum-ostree$/m);
  expect(check.stdout).not.toContain('DIFFERS');
  expect(check.status).toBe(0);
});

/** The titles of a notices file, without versions. */
function headings(text: string): string[] {
  return [...text.matchAll(/^={50,}\n(.+)\n-+\n/gm)].map(([, title = '']) => title.replace(/ \d.*$/, ''));
}

/** All that package.json's dependencies lead to, but what is for building only. */
function productionPackages(): string[] {
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: PROJECT,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .map((line) => line.split('node_modules/')[1] ?? '')
    .filter((name) => name !== '');
}
