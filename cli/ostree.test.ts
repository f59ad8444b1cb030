import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { CliContext } from '#cli/context.ts';
import { runOstree } from '#cli/ostree.ts';
import { reportFailure } from '#cli/report-error.ts';
import { loadSyscalls } from '#native/load.ts';

function context(): CliContext {
  return { sys: loadSyscalls(), out: () => undefined, err: () => undefined, env: {}, isTerminal: false };
}

test.each([
  [['frob'], "Unknown command 'frob'", 'Usage:\n  ostree [OPTION…] COMMAND\n'],
  [[], 'No command specified', 'Builtin Commands:\n  init '],
  [['admin', 'frob'], 'Unknown "admin" subcommand \'frob\'', 'Builtin "admin" Commands:\n'],
  [['admin'], 'No "admin" subcommand specified', 'Usage:\n  ostree admin [OPTION…] COMMAND\n'],
  [['admin', '--sysroot=/nonexistent', 'frob'], 'Unknown "admin" subcommand \'frob\'', 'Usage:'],
  [['remote', 'frob'], 'Unknown "remote" subcommand \'frob\'', 'Builtin "remote" Commands:\n'],
])('%j: an unknown verb, or none, is told with the help on standard error', async (argv, message, help) => {
  let text = '';
  const listening = { ...context(), err: (piece: string) => (text += piece) };
  await expect(runOstree(argv, listening as CliContext)).rejects.toMatchObject({
    code: 'UNKNOWN_VERB',
    message,
  });
  expect(text).toContain(help);
  expect(text.match(/^Usage/gm)).toHaveLength(1);
});

test('help names a verb\u2019s arguments', async () => {
  let text = '';
  const listening = { ...context(), out: (piece: string) => (text += piece) };
  expect(await runOstree(['admin', 'deploy', '--help'], listening as CliContext)).toBe(0);
  expect(text).toMatch(/^Usage:\n {2}ostree admin deploy \[OPTION…\] REFSPEC\n/);
  expect(text).toContain('\nApplication Options:\n');
});

test.each([
  [['admin', '--sysroot=/nonexistent/x', '--print-current-dir']],
  [['admin', '--print-current-dir', '--sysroot=/nonexistent/x']],
  [['--sysroot=/nonexistent/x', 'admin', 'status']],
])('%j: --sysroot is taken wherever it stands', async (argv) => {
  await expect(runOstree(argv, context())).rejects.toThrow(/no sysroot directory '\/nonexistent\/x'/);
});

test('wrong usage is told as such, and exits with 1 as all errors of ostree(1)', async () => {
  const error = await runOstree(['admin', 'init-fs', '--epoch=7', '/nonexistent'], context()).catch(
    (e: unknown) => e,
  );
  const report = reportFailure(error, { debug: false });
  expect(report.exitCode).toBe(1);
  expect(report.text).toContain('epoch');
});

test('what the shutdown calls does nothing on a machine that was not booted through ostree', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ostree-test-'));
  expect(await runOstree(['admin', 'init-fs', root], context())).toBe(0);
  expect(await runOstree(['admin', `--sysroot=${root}`, 'finalize-staged'], context())).toBe(0);
  await expect(
    runOstree(['admin', `--sysroot=${root}`, 'prepare-soft-reboot', '0'], context()),
  ).rejects.toThrow('Not currently booted into an OSTree system');
  fs.rmSync(root, { recursive: true });
});
