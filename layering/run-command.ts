/** Runs a program of the machine to its end. */
import { spawn } from 'node:child_process';

const OUTPUT_KEPT = 4096;

/** @returns null where all is well, else how it failed, with its last words on one line. The signal ends it. */
export async function runCommand(
  [program, ...words]: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<string | null> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  let said = '';
  const keep = (text: string): void => void (said = (said + text).slice(-OUTPUT_KEPT));
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
  return new Promise((resolve) => {
    child.once('error', ({ message }) => resolve(`${program}: ${message}`));
    child.once('close', (code, killed) => {
      if (code === 0) return resolve(null);
      const ending = code === null ? `killed by ${killed ?? 'a signal'}` : `exit code ${code}`;
      const last = said.trim().split('\n').slice(-3).join('; ');
      resolve(`${[program, ...words].join(' ')}: ${ending}${last === '' ? '' : `: ${last}`}`);
    });
  });
}
