/** What a script of the suite printed, in the Test Anything Protocol. */

export interface TapSummary {
  /** Lines `ok …` that are not skips. */
  readonly ok: number;
  /** The texts of the lines `not ok …`. */
  readonly notOk: readonly string[];
  /** Why the whole script, or single checks of it, were passed over. */
  readonly skipped: readonly string[];
  /** The N of `1..N`; null where there is no plan. */
  readonly planned: number | null;
}

export type TapVerdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

export function parseTap(text: string): TapSummary {
  let ok = 0;
  let planned: number | null = null;
  const notOk: string[] = [];
  const skipped: string[] = [];
  for (const line of text.split('\n')) {
    const plan = /^1\.\.(\d+)/.exec(line);
    if (plan !== null) planned = Number(plan[1]);
    const skip = /^(?:ok|1\.\.0)\b.*?#\s*SKIP:?\s*(.*)$/i.exec(line);
    if (skip !== null) skipped.push(skip[1] ?? '');
    else if (/^ok\b/.test(line)) ok++;
    else if (/^not ok\b/.test(line)) notOk.push(line);
  }
  return { ok, notOk, skipped, planned };
}

/** A script passes where it ends well, nothing is `not ok` and as much was said as was planned. */
export function judge(summary: TapSummary, exitCode: number, lastError: string): TapVerdict {
  if (exitCode !== 0) return { kind: 'failed', reason: `exit code ${exitCode}: ${lastError}` };
  const [bad] = summary.notOk;
  if (bad !== undefined) return { kind: 'failed', reason: bad };
  const { ok, skipped, planned } = summary;
  if (ok === 0) return { kind: 'skipped', reason: skipped[0] ?? 'it checks nothing' };
  if (planned !== null && ok + skipped.length !== planned)
    return { kind: 'failed', reason: `${ok} of ${planned} checks were made` };
  return { kind: 'passed' };
}
