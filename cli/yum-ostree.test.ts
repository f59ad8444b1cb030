import { expect, test } from 'vitest';
import type { CliContext } from '#cli/context.ts';
import { runYumOstree, yumOstreeProgram } from '#cli/yum-ostree.ts';
import { loadSyscalls } from '#native/load.ts';

function context(): CliContext & { text: () => string } {
  let text = '';
  const write = (piece: string): void => void (text += piece);
  return { sys: loadSyscalls(), out: write, err: write, env: {}, isTerminal: false, text: () => text };
}

test.each([
  [['--no-such-option', 'status']],
  [['install']],
  [['status', '--wait=soon']],
  [['install', '--progress-fd=x', 'a']],
])('%j is wrong usage', async (argv) => {
  expect(await runYumOstree(argv, context())).toBe(2);
});

test('--wait takes no word for its value but one after =', async () => {
  await expect(
    runYumOstree(['install', '--wait', 'time', '--sysroot=/nonexistent/x'], context()),
  ).rejects.toThrow(/no sysroot directory/);
  const help = context();
  expect(await runYumOstree(['install', '--wait', '--help'], help)).toBe(0);
  expect(help.text()).toContain('--wait[=SECONDS]');
});

test.each([[['uninstall', '--wait', '2', '-y', 'x']], [['--wait', '1', 'uninstall']]])(
  '--wait with a number after a space is refused before anything waits: %j',
  async (argv) => {
    await expect(runYumOstree(argv, context())).rejects.toThrow(/--wait [12]: it may be read in two ways/);
  },
);

test('after -- a word is no option', async () => {
  await expect(
    runYumOstree(['install', '--sysroot=/nonexistent/x', '--', '--wait', '2'], context()),
  ).rejects.toThrow(/no sysroot directory/);
});

test('a descriptor that is not open is refused before anything else', async () => {
  await expect(
    runYumOstree(['install', '--progress-fd=999', 'a', '--sysroot=/nonexistent/x'], context()),
  ).rejects.toThrow(/--progress-fd 999: it is not open for writing/);
});

test.each([
  [['status', '--sysroot', '/nonexistent/x']],
  [['--sysroot=/nonexistent/x', '--wait', 'status']],
  [['--wait=3', '--json', 'status', '--sysroot=/nonexistent/x']],
])('options may stand before and after the verb: %j', async (argv) => {
  await expect(runYumOstree(argv, context())).rejects.toThrow(/no sysroot directory '\/nonexistent\/x'/);
});

test.each([
  ['switch', ''],
  ['switch', '--branch='],
  ['deploy', ''],
  ['search', ''],
  ['search', 'gdb', ' '],
])('%s with an empty word is wrong usage, before anything is looked at', async (...argv) => {
  await expect(runYumOstree([...argv, '--sysroot=/nonexistent/x'], context())).rejects.toHaveProperty(
    'code',
    'USAGE',
  );
});

test('an unknown verb is named', async () => {
  await expect(runYumOstree(['instal', 'x'], context())).rejects.toThrow(/Unknown command 'instal'/);
});

test('help is no failure', async () => {
  const help = context();
  expect(await runYumOstree(['install', '--help'], help)).toBe(0);
  expect(help.text()).toContain('--repofrompath');
});

test('a command is there when one of its names is in the arguments', () => {
  const named = (argv: readonly string[]): string[] =>
    yumOstreeProgram(argv, context(), { exitCode: 0 }).commands.flatMap((command) => [
      command.name(),
      ...command.aliases(),
    ]);
  const all = named(['--help']);
  expect(all).toEqual(expect.arrayContaining(['install', 'remove', 'status', 'search', 'debug']));
  for (const name of all) expect(named([name, 'a']), name).toContain(name);
  expect(named(['instal'])).toEqual(all);
});
