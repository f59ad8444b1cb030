#!/usr/bin/env node
import fs from 'node:fs';
import path from 'node:path';
import sea from 'node:sea';
import { bufferedOutput, type BufferedOutput } from '#cli/buffered-output.ts';
import type { CliContext } from '#cli/context.ts';
import { reportFailure, shownText } from '#cli/report-error.ts';
import { isatty } from '#native/isatty.ts';
import { loadSyscalls } from '#native/load.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import type { BOOT_PROGRAMS } from '#prepare-root/programs.ts';

const PROGRAMS: Readonly<Record<string, (argv: readonly string[], context: CliContext) => Promise<number>>> =
  {
    'yum-ostree': async (argv, context) =>
      (await import('#cli/yum-ostree.ts')).runYumOstree(argv, safe(context)),
    'rpm-ostree': async (argv, context) =>
      (await import('#cli/rpm-ostree.ts')).runRpmOstree(argv, safe(context)),
    ostree: async (argv, context) => (await import('#cli/ostree.ts')).runOstree(argv, context),
    'ostree-prepare-root': bootProgram('ostree-prepare-root'),
    'ostree-remount': bootProgram('ostree-remount'),
    'ostree-system-generator': bootProgram('ostree-system-generator'),
  };

const sys = syscallsOrExit();
// No top-level await: the packaged bundle is CommonJS. Tearing the engine down takes longer than many a command.
void main().then(
  (exitCode) => sys.exit(exitCode),
  // Not even the error could be written.
  () => sys.exit(1),
);

/** Nothing works without the system calls, not even the usual way of writing an error. */
function syscallsOrExit(): CliContext['sys'] {
  try {
    return loadSyscalls();
  } catch (cause) {
    const hint = 'mount a tmpfs on /run, or name a writable directory that is not mounted noexec in TMPDIR';
    const options = codeOf(cause) === 'NO_PLACE' ? { hint, cause } : { cause };
    const error = new UserError('ADDON_NOT_LOADED', messageOf(cause), options);
    fs.writeSync(2, reportFailure(error, { debug: process.argv.includes('--debug') }).text);
    process.exit(1);
  }
}

async function main(): Promise<number> {
  const output = bufferedOutput(sys, 1);
  const argv = process.argv.slice(2);
  try {
    const context = contextOf(sys, output);
    const exitCode = await (PROGRAMS[calledName()] ?? PROGRAMS['yum-ostree'])?.(argv, context);
    output.flush();
    return exitCode ?? 1;
  } catch (error) {
    const { text, exitCode } = reportFailure(error, { debug: argv.includes('--debug') });
    if (exitCode !== 141) output.flush();
    if (text !== '') sys.write(2, text);
    return exitCode;
  }
}

function bootProgram(name: keyof typeof BOOT_PROGRAMS) {
  return async (argv: readonly string[], { sys }: CliContext): Promise<number> =>
    (await import('#prepare-root/programs.ts')).BOOT_PROGRAMS[name](argv, sys);
}

/** The name the program was called by: of the executable, or of the script (through a symlink) under Node. */
function calledName(): string {
  const called = sea.isSea() ? process.argv0 : (process.argv[1] ?? '');
  return path.basename(called).replace(/\.(ts|mjs|cjs|js)$/, '');
}

/** Nothing that came from outside reaches a terminal unseen; `ostree` prints byte for byte what its model does. */
function safe(context: CliContext): CliContext {
  return { ...context, out: (text) => context.out(shownText(text)) };
}

function contextOf(sys: CliContext['sys'], output: BufferedOutput): CliContext {
  return {
    sys,
    out: (text) => output.write(text),
    err: (text) => {
      output.flush();
      sys.write(2, text);
    },
    env: process.env,
    // Not process.stderr.isTTY: making the stream would leave the descriptor non-blocking.
    isTerminal: isatty(2) && isatty(0),
  };
}
