import { createInterface } from 'node:readline/promises';
import { oneLine } from '#cli/report-error.ts';

/** Asks on standard error and reads the answer from standard input; anything but yes is no. */
export async function askYesNo(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${oneLine(question)} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
