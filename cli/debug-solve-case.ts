import type { CliContext } from '#cli/context.ts';
import { UserError } from '#ostree/format/errors.ts';
import { loadSolver } from '#native/solver.ts';

/**
 * `debug solve-case FILE.t …`: runs libsolv test case files and prints what testsolv prints of them.
 * @returns testsolv's exit code: 0 all as expected, 1 a result differs or a file is malformed, 77 not for this solver
 */
export function debugSolveCase(files: readonly string[], context: CliContext): number {
  if (files.length === 0) throw new UserError('USAGE', 'debug solve-case: name at least one test case file');
  const addon = loadSolver();
  let exitCode = 0;
  for (const file of files) {
    const result = addon.runTestcase(file);
    context.out(result.output);
    if (result.errors !== '') context.err(result.errors);
    if (result.exitCode !== 0 && exitCode !== 1) exitCode = result.exitCode;
  }
  return exitCode;
}
