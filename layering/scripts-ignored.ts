/**
 * Scripts that are of no use, or do harm, where a tree is composed: they look after the machine they run on, or do what
 * composing does itself.
 */
import type { ScriptPhase } from '#layering/scripts-plan.ts';

/** `*` stands for all phases, `filetriggers` for the triggers of files. */
const IGNORED: ReadonlyMap<string, readonly (ScriptPhase | 'filetriggers' | '*')[]> = new Map([
  ['filesystem', ['*']],
  ['setup', ['post']],
  ['glibc', ['pre', 'pretrans']],
  ['coreutils', ['pre']],
  ['bash', ['post']],
  ['libgcc', ['post']],
  ['ca-certificates', ['pre']],
  ['pinentry', ['pre']],
  ['gdb', ['pre']],
  ['nfs-utils', ['post']],
  ['microcode_ctl', ['*']],
  ['kernel', ['posttrans']],
  ['kernel-core', ['posttrans']],
  ['kernel-modules', ['posttrans']],
  ['kernel-rt', ['posttrans']],
  ['kernel-rt-core', ['posttrans']],
  ['kernel-debug', ['posttrans']],
  ['kernel-debug-core', ['posttrans']],
  ['systemd', ['filetriggers']],
  ['man-db', ['filetriggers']],
]);

export function isIgnoredScript(name: string, phase: ScriptPhase): boolean {
  const ignored = IGNORED.get(name) ?? [];
  return (
    ignored.includes('*') ||
    ignored.includes(phase) ||
    (phase.includes('filetrigger') && ignored.includes('filetriggers'))
  );
}
