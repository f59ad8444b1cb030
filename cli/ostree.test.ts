import { expect, test } from 'vitest';
import type { CliContext } from '#cli/context.ts';
import { runOstree } from '#cli/ostree.ts';
import { loadSyscalls } from '#native/load.ts';

function context(): CliContext {
  return { sys: loadSyscalls(), out: () => undefined, err: () => undefined, env: {}, isTerminal: false };
}

test.each([
  [['frob'], 'frob'],
  [['admin', 'frob'], 'admin frob'],
  [['admin', '--sysroot=/nonexistent', 'frob'], 'admin frob'],
])('%j: an unknown verb is named', async (argv, name) => {
  await expect(runOstree(argv, context())).rejects.toMatchObject({
    code: 'UNKNOWN_VERB',
    message: `Unknown command '${name}'`,
  });
});

test.each([
  [['admin', '--sysroot=/nonexistent/x', '--print-current-dir']],
  [['admin', '--print-current-dir', '--sysroot=/nonexistent/x']],
  [['--sysroot=/nonexistent/x', 'admin', 'status']],
])('%j: --sysroot is taken wherever it stands', async (argv) => {
  await expect(runOstree(argv, context())).rejects.toThrow(/no sysroot directory '\/nonexistent\/x'/);
});
