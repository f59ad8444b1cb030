/** The steps for the deployment that was asked for or, where that is wanted and it cannot be booted, for another one. */
import { BOOTED_PATH } from '#prepare-root/booted.ts';
import { linkWords, readBootLinks } from '#prepare-root/boot-links.ts';
import { findOstreeTarget } from '#prepare-root/cmdline.ts';
import { readBootConfig, readFacts, resolvePath, type FactOptions } from '#prepare-root/facts.ts';
import { fallbackOrder, type Fallback } from '#prepare-root/fallback.ts';
import { FALLBACK_PATH, formatFallback } from '#prepare-root/fallback-record.ts';
import type { MountOp } from '#prepare-root/mount-op.ts';
import { planRoot } from '#prepare-root/plan.ts';
import { unlessFailing } from '#prepare-root/unless-failing.ts';
import { codeOf, messageOf, UserError } from '#ostree/format/errors.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';
import { AT_FDCWD, type Syscalls } from '#native/syscalls.ts';

export interface Attempt {
  readonly steps: readonly MountOp[];
  /** null: what was asked for. */
  readonly fallback: Fallback | null;
}

/** Reads only. @throws UserError why the deployment that was asked for cannot be booted, and no other can or may be */
export function decide(sys: Syscalls, options: FactOptions): Attempt {
  try {
    return { steps: [...forgetFallback(sys), ...planRoot(readFacts(sys, options))], fallback: null };
  } catch (error) {
    const instead = codeOf(error) === undefined || !mayFallBack(error) ? null : fallBack(sys, options, error);
    if (instead === null) throw error;
    return instead;
  }
}

/** A configuration that is refused, and a place that is wrong, are so for every deployment. */
function mayFallBack(error: unknown): boolean {
  return !(error instanceof UserError) || !['USAGE', 'WRONG_PLACE'].includes(error.code);
}

function fallBack(sys: Syscalls, options: FactOptions, error: unknown): Attempt | null {
  const boot = unlessFailing(null, () => readBootConfig(sys, options));
  const sysroot = unlessFailing(null, () => resolvePath(sys, options.sysroot));
  if (boot === null || sysroot === null || !boot.config.fallback) return null;
  const asked = unlessFailing(null, () => findOstreeTarget(boot.cmdline));
  const order = fallbackOrder(readBootLinks(sys, sysroot), asked);
  for (const taken of order) {
    // The same configuration holds for it: with composefs=signed it must itself be signed.
    const steps = unlessFailing(null, () => planRoot(readFacts(sys, { ...options, target: taken })));
    if (steps === null) continue;
    const sameKernel = asked !== null && linkWords(asked)[1] === linkWords(taken)[1];
    const fallback: Fallback = { asked, reason: messageOf(error), taken, sameKernel };
    return { steps: withRecord(steps, fallback), fallback };
  }
  return null;
}

/** Beside the record of the boot, wherever `/run` is at that step. */
function withRecord(steps: readonly MountOp[], fallback: Fallback): MountOp[] {
  const data = utf8Bytes(formatFallback(fallback));
  return steps.flatMap((step): MountOp[] => {
    if (step.op !== 'write' || !step.path.endsWith(BOOTED_PATH)) return [step];
    const root = step.path.slice(0, -BOOTED_PATH.length);
    return [{ op: 'write', path: root + FALLBACK_PATH, data, mode: 0o644 }, step];
  });
}

/** Of an earlier run. */
function forgetFallback(sys: Syscalls): MountOp[] {
  return sys.lstat(AT_FDCWD, FALLBACK_PATH) === null ? [] : [{ op: 'remove-file', path: FALLBACK_PATH }];
}
