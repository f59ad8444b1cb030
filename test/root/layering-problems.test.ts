/** What is said of requests that cannot be met: all at once, with who needs it, who holds it, and a command that works. */
import { spawnSync } from 'node:child_process';
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
  system = makeTestSystem('/var/tmp', {
    base: [
      { name: 'nano-plugins', requires: ['nano = 1.0'] },
      { name: 'nano-themes', requires: ['nano-plugins'] },
      { name: 'nano-dark', requires: ['nano-themes'] },
    ],
  });
  publish(system, [
    { name: 'pico', version: '2.0' },
    { name: 'needs-pico', requires: ['pico = 2.0'] },
    { name: 'hates-icons', conflicts: ['icons'] },
    { name: 'broken', requires: ['no-such-library'] },
    { name: 'vi', conflicts: ['emacs'] },
    { name: 'emacs' },
    { name: 'nano-mode' },
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

/** The command alone does it, with the sysroot and the repository that it names itself. */
function pasted(commands: readonly string[][]): void {
  const run = spawnSync(process.execPath, [path.resolve('cli/bin/yum-ostree'), ...(commands[0] ?? [])]);
  expect(run.stderr.toString()).not.toContain('error:');
  expect(run.status).toBe(0);
}

/** As a shell that the command is pasted into takes it. */
function wordsOf(command: string): string[] {
  return runProgram('sh', ['-c', `printf '%s\\n' ${command}`])
    .trimEnd()
    .split('\n');
}

test('every problem is told, each with what needs it and who holds it; no command where none helps', () => {
  const { message } = refused('install', 'needs-pico', 'hates-icons', 'broken', 'nope');
  expect(message.slice(message.indexOf('error:'))).toMatchInlineSnapshot(`
    "error: no such package or group: nope
      cannot install broken: broken-1.0-1.noarch (from test) requires no-such-library, which no package provides
      cannot install hates-icons: hates-icons-1.0-1.noarch (from test) conflicts with icons, which is icons-1.0-1.noarch (in the base)
        held by the base: icons-1.0-1.noarch
      cannot install needs-pico: needs-pico-1.0-1.noarch (from test) requires pico = 2.0, which cannot be satisfied; pico-2.0-1.noarch (from test) would replace pico-1.0-1.noarch (in the base)
        held by the base: pico-1.0-1.noarch
    hint: enable the repository that has it (--enablerepo ID), or choose a version that fits the base
      base packages are never changed by install: an override replaces them or takes them out"
  `);
});

test.each([
  ['another version', ['install', 'needs-pico'], ['needs-pico', 'pico']],
  ['a conflict', ['install', 'hates-icons'], ['hates-icons']],
  ['two requests', ['install', 'nano-mode', 'vi', 'emacs'], ['nano-mode', 'vi']],
  [
    'several of them',
    ['install', 'needs-pico', 'hates-icons', 'vi'],
    ['needs-pico', 'hates-icons', 'vi', 'pico'],
  ],
])('%s: the command does it', (_, words, present) => {
  const { commands } = refused(...words);
  expect(commands).toHaveLength(1);
  pasted(commands);
  expect(rpmNames(system)).toEqual(expect.arrayContaining(present));
  yumOstreeOk(system, ['reset']);
});

test('the command keeps everything else that was said', () => {
  const { commands } = refused(
    'override',
    'remove',
    'nano',
    '-n',
    '-y',
    '-C',
    '--install',
    'vi',
    '--uninstall',
    'icons',
  );
  const [words = []] = commands;
  expect(words[0]).toBe(`--sysroot=${system.sysroot}`);
  const rest = ['-n', '-y', '-C', `--repofrompath=test,${system.packages}`, '--no-gpgchecks'];
  expect(words).toEqual(expect.arrayContaining([...rest, '--install', 'vi', '--uninstall', 'icons']));
  pasted(commands);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('a package file of a base package is told to be an override', () => {
  const folder = path.join(system.directory, "my 'files' (new)");
  const file = buildRpm(folder, { name: 'pico', version: '3.0' });
  const { commands } = refused('install', file);
  expect(commands[0]).toEqual(expect.arrayContaining(['override', 'replace', file]));
  pasted(commands);
  yumOstreeOk(system, ['reset']);
});

test('what the base needs goes with it, or stays', () => {
  const { message, commands } = refused('override', 'remove', 'nano');
  expect(message).toContain(
    'cannot take out nano: nano-plugins-1.0-1.noarch (in the base) requires nano = 1.0',
  );
  pasted(commands);
  expect(rpmNames(system).filter((name) => name.startsWith('nano'))).toEqual([]);
  yumOstreeOk(system, ['reset']);
});

test('what was asked for before gives way to what is asked for now', () => {
  yumOstreeOk(system, ['override', 'replace', 'pico-2.0-1', '--install', 'needs-pico']);
  const key = '01AB 23CD (the new one)';
  const { commands } = refused('override', 'reset', 'pico', '--accept-key', key);
  const [words = []] = commands;
  expect(words).toEqual(expect.arrayContaining(['override', 'reset', '--accept-key', key]));
  expect(words.slice(-2)).toEqual(['--uninstall', 'needs-pico']);
  pasted(commands);
  expect(firstDeployment(system).checksum).toBe(system.base);
});

test('all that is wrong with the words themselves is told at once too', () => {
  yumOstreeOk(system, ['install', 'vi']);
  const { message } = refused('uninstall', 'nope', '--install', 'vi');
  expect(message).toMatch(
    /neither requested nor in the base: nope\n.*hint: .*\n *already requested: vi\n.*hint: --idempotent/,
  );
  yumOstreeOk(system, ['reset']);
});

test('a file that is not there hides nothing else', () => {
  const { message } = refused('install', '-n', './not-there.rpm', 'nope', 'broken');
  expect(message).toContain('not-there.rpm');
  expect(message).toContain('no such package or group: nope');
  expect(message).toContain('no-such-library');
});

/** With the words alone: the repository of the others is not there. */
function withoutRepository(...words: string[]): { status: number | null; stderr: string } {
  const client = [path.resolve('cli/bin/yum-ostree'), `--sysroot=${system.sysroot}`, ...words];
  const { status, stderr } = spawnSync(process.execPath, client, { encoding: 'utf8' });
  return { status, stderr };
}

test('a layer whose repository is gone is told to be an earlier request, and is no obstacle to taking away', () => {
  yumOstreeOk(system, ['install', 'vi']);
  const { stderr } = withoutRepository('install', '-n', 'nope');
  expect(stderr).toContain('error: no such package or group: nope\n');
  expect(stderr).toContain(
    'an earlier request (layered already) is in no enabled repository now: vi, which came from test',
  );
  expect(stderr).toContain('uninstall vi, or enable the repository that it came from (--enablerepo test');
  const upgrade = withoutRepository('install', '-n', 'nano', '--allow-inactive');
  expect(upgrade.stderr).toContain('--uninstall vi');
  expect(withoutRepository('override', 'remove', 'icons')).toMatchObject({ status: 0 });
  expect(rpmNames(system)).toContain('vi');
  expect(rpmNames(system)).not.toContain('icons');
  expect(withoutRepository('uninstall', 'pico')).toMatchObject({ status: 0 });
  expect(rpmNames(system)).toContain('vi');
  yumOstreeOk(system, ['reset']);
});

test('a replacement whose repository is gone', () => {
  yumOstreeOk(system, ['override', 'replace', 'pico']);
  const { stderr } = withoutRepository('install', '-n', 'nano', '--allow-inactive');
  expect(stderr).toContain(
    'repository test, from which pico is replaced (an earlier request), is not configured or not enabled',
  );
  expect(withoutRepository('override', 'remove', 'icons')).toMatchObject({ status: 0 });
  expect(firstDeployment(system)).toMatchObject({ removals: ['icons'] });
  yumOstreeOk(system, ['reset']);
});
