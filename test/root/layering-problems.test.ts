/** What is said of requests that cannot be met: all at once, with who needs it, who holds it, and a command that works. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRpm } from '#test/fixtures/rpm-build.ts';
import {
  firstDeployment,
  makeTestSystem,
  publish,
  rpmNames,
  runProgram,
  yumOstree,
  yumOstreeOk,
  type TestSystem,
} from '#test/root/layering-sysroot.ts';

let system: TestSystem;

beforeAll(() => {
  system = makeTestSystem('/var/tmp', { base: [{ name: 'nano-plugins', requires: ['nano = 1.0'] }] });
  publish(system, [
    { name: 'pico', version: '2.0' },
    { name: 'needs-pico', requires: ['pico = 2.0'] },
    { name: 'hates-icons', conflicts: ['icons'] },
    { name: 'broken', requires: ['no-such-library'] },
    { name: 'vi', conflicts: ['emacs'] },
    { name: 'emacs' },
  ]);
});

afterAll(() => system.remove());

function refused(...words: string[]): { message: string; commands: string[][] } {
  const { status, stderr } = yumOstree(system, words);
  expect(status).toBe(1);
  const [message = ''] = stderr.split('\ncode: ');
  const commands = [...message.matchAll(/^ +resolved by: yum-ostree (.*)$/gm)];
  return { message, commands: commands.map(([, text = '']) => wordsOf(text)) };
}

/** As a shell that the command is pasted into takes it. */
function wordsOf(command: string): string[] {
  return runProgram('sh', ['-c', `printf '%s\\n' ${command}`])
    .trimEnd()
    .split('\n');
}

test('every problem is told, each with what needs it, who holds it, and the command', () => {
  const { message } = refused('install', 'needs-pico', 'hates-icons', 'broken', 'nope');
  expect(message.slice(message.indexOf('error:'))).toMatchInlineSnapshot(`
    "error: no such package or group: nope
      cannot install broken: broken-1.0-1.noarch (from test) requires no-such-library, which no package provides
      cannot install hates-icons: hates-icons-1.0-1.noarch (from test) conflicts with icons, which is icons-1.0-1.noarch (in the base)
        held by the base: icons-1.0-1.noarch
        resolved by: yum-ostree override remove icons --install hates-icons
      cannot install needs-pico: needs-pico-1.0-1.noarch (from test) requires pico = 2.0, which cannot be satisfied; pico-2.0-1.noarch (from test) would replace pico-1.0-1.noarch (in the base)
        held by the base: pico-1.0-1.noarch
        resolved by: yum-ostree override replace pico-2.0-1.noarch --install needs-pico
    hint: enable the repository that has it (--enablerepo ID), or choose a version that fits the base
      base packages are never changed by install: an override replaces them or takes them out"
  `);
});

test.each([
  ['another version', ['install', 'needs-pico'], ['needs-pico', 'pico']],
  ['a conflict', ['install', 'hates-icons'], ['hates-icons']],
  ['two requests', ['install', 'vi', 'emacs'], []],
])('%s: the command does it', (_, words, present) => {
  const { commands } = refused(...words);
  expect(commands).toHaveLength(1);
  yumOstreeOk(system, commands[0] ?? []);
  expect(rpmNames(system)).toEqual(expect.arrayContaining([...present, commands[0]?.at(-1)]));
  yumOstreeOk(system, ['reset']);
});

test('a package file of a base package is told to be an override', () => {
  const folder = path.join(system.directory, "my 'files' (new)");
  const file = buildRpm(folder, { name: 'pico', version: '3.0' });
  const { commands } = refused('install', file);
  expect(commands).toEqual([['override', 'replace', file]]);
  yumOstreeOk(system, commands[0] ?? []);
  yumOstreeOk(system, ['reset']);
});

test('what the base needs goes with it, or stays', () => {
  const { message, commands } = refused('override', 'remove', 'nano');
  expect(message).toContain(
    'cannot take out nano: nano-plugins-1.0-1.noarch (in the base) requires nano = 1.0',
  );
  yumOstreeOk(system, commands[0] ?? []);
  expect(rpmNames(system)).not.toContain('nano');
  yumOstreeOk(system, ['reset']);
});

test('what was asked for before gives way to what is asked for now', () => {
  yumOstreeOk(system, ['override', 'replace', 'pico-2.0-1', '--install', 'needs-pico']);
  const key = '01AB 23CD (the new one)';
  const { commands } = refused('override', 'reset', 'pico', '--accept-key', key);
  const [words = []] = commands;
  expect(words).toEqual(expect.arrayContaining(['override', 'reset', '--accept-key', key]));
  expect(words.slice(-2)).toEqual(['--uninstall', 'needs-pico']);
  yumOstreeOk(system, ['override', 'reset', 'pico', ...words.slice(-2)]);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('all that is wrong with the words themselves is told at once too', () => {
  const { message } = refused('uninstall', 'nope', '--install', 'vi', '--install', 'vi');
  expect(message).toMatch(
    /neither requested nor in the base: nope\n.*hint: .*\n *already requested: vi\n.*hint: --idempotent/,
  );
});
