/** The client on input that was made to deceive it: it says so in clear words, and nothing changes. */
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRepository } from '#test/fixtures/rpm-build.ts';
import {
  BASE_REF,
  deploymentRoot,
  deploymentsOf,
  fsckClean,
  makeTestSystem,
  originOf,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';
import { forgeRpm } from './rpm-forge.ts';

let system: TestSystem;
beforeAll(() => {
  system = makeTestSystem();
  const file = { path: '/usr/share/good', mode: 0o100644, content: 'good' };
  forgeRpm(path.join(system.packages, 'good.rpm'), { name: 'good', files: [file] });
  forgeRpm(path.join(system.packages, 'evil.rpm'), { name: 'evil/x', files: [] });
  createRepository(system.packages, {});
});
afterAll(() => system.remove());

function refused(words: readonly string[]): string {
  const before = deploymentsOf(system);
  const refs = runProgram('ostree', ['refs', `--repo=${system.repo}`]);
  const { status, stdout, stderr } = yumOstree(system, ['install', '-q', ...words]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).not.toMatch(/[^\n -~]/);
  expect(deploymentsOf(system)).toEqual(before);
  expect(runProgram('ostree', ['refs', `--repo=${system.repo}`])).toBe(refs);
  return stderr;
}

test('package files with names that none may have, a directory and a missing file: all told at once', () => {
  const at = (name: string) => path.join(system.directory, name);
  for (const [file, name] of [
    ['climbs.rpm', '../../../share/pwn'],
    ['lines.rpm', 'n;m\n[overrides]\nremove=nano'],
    ['escape.rpm', 'a\u001b[31mred'],
  ] as const)
    forgeRpm(at(file), { name, files: [] });
  fs.mkdirSync(at('d.rpm'));
  const files = ['climbs.rpm', 'lines.rpm', 'escape.rpm', 'd.rpm', 'missing.rpm'].map(at);
  const text = refused(files);
  expect(text).toContain(`error: ${files[0]} is refused: its name "../../../share/pwn" holds characters`);
  expect(text).toContain(`\n  ${files[1]} is refused: its name "n;m\\n[overrides]\\nremove=nano" holds`);
  expect(text).toContain(`\n  ${files[2]} is refused: its name "a\\u001b[31mred" holds`);
  expect(text).toContain(`\n  ${files[3]} is a directory, not an RPM package`);
  expect(text).toContain(`\n  ${files[4]} cannot be read: there is no such file`);
});

test('a package of a repository with such a name', () => {
  expect(refused(['evil/x'])).toContain(
    'repository test has a package that is refused: its name "evil/x" holds',
  );
  yumOstreeOk(system, ['install', 'good']);
  yumOstreeOk(system, ['uninstall', 'good']);
});

test.each([
  ['refspec=../../x', "'../../x' is not a valid ref name"],
  [`refspec=${BASE_REF}\nbaserefspec=${BASE_REF}`, 'has both refspec='],
])('an origin with %j', (text, message) => {
  const file = `${deploymentRoot(system)}.origin`;
  const before = originOf(system);
  fs.writeFileSync(file, `[origin]\n${text}\n`);
  const said = refused(['good']);
  expect(fs.readFileSync(file, 'utf8')).toBe(`[origin]\n${text}\n`);
  fs.writeFileSync(file, before);
  expect(said).toContain(message);
  expect(said).toContain('code: BAD_ORIGIN');
});

test('control characters in an origin are shown, and JSON has them as they are', () => {
  const file = `${deploymentRoot(system)}.origin`;
  const before = originOf(system);
  fs.appendFileSync(file, '\n[packages]\nrequested=a\u001b[2J\u009b2Jb;\n');
  const { stdout } = yumOstree(system, ['status', '-v']);
  const json = yumOstreeOk(system, ['status', '--json']);
  fs.writeFileSync(file, before);
  expect(stdout).toContain('a\\x1b[2J\\u009b2Jb');
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(JSON.parse(json)).toMatchObject({
    deployments: expect.arrayContaining([
      expect.objectContaining({ 'requested-packages': ['a\u001b[2J\u009b2Jb'] }),
    ]) as unknown,
  });
  fsckClean(system);
});
