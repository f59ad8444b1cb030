import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { UserError } from '#ostree/format/errors.ts';
import { runCommand, type RunResult } from '#test/fixtures/run-command.ts';

export type ProgramName = 'ostree' | 'yum-ostree';

/** The programs of this checkout, as a user would call them. */
export interface Programs {
  /** Runs one and returns what it printed. @throws UserError where it fails */
  capture(name: ProgramName, args: readonly string[]): Promise<RunResult>;
  /** Runs one on this terminal. @throws UserError where it fails */
  onTerminal(name: ProgramName, args: readonly string[]): Promise<void>;
}

const PROJECT = path.resolve(import.meta.dirname, '../..');

/** From the sources, or the built executables in `dist/` where `built` says so. */
export function ourPrograms(built: boolean, signal: AbortSignal): Programs {
  const directory = path.join(PROJECT, built ? 'dist' : 'cli/bin');
  const argv = (name: ProgramName, args: readonly string[]): [string, readonly string[]] => {
    const program = path.join(directory, name);
    if (!fs.existsSync(program)) {
      throw new UserError('NOT_BUILT', `${program}: not there`, { hint: 'npm run build makes dist/' });
    }
    return built ? [program, args] : [process.execPath, [program, ...args]];
  };
  return {
    capture: (name, args) => runCommand(...argv(name, args), { signal }),
    onTerminal: (name, args) => inherit(argv(name, args), `${name} ${args.join(' ')}`, signal),
  };
}

/** The child is in the terminal's foreground group and hears Ctrl-C itself: it is waited for, not killed. */
function inherit(
  [program, args]: [string, readonly string[]],
  shown: string,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    const stop = () => child.kill('SIGINT');
    signal.addEventListener('abort', stop);
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (code === 0) resolve();
      else reject(new UserError('COMMAND_FAILED', `${shown}: exit code ${code ?? 'of a signal'}`));
    });
  });
}
