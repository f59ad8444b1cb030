/** Which scripts of packages run when they are layered, and which cannot. Pure. */
import { UserError } from '#ostree/format/errors.ts';
import { getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import type { RpmScript, RpmTrigger, ScriptFlags, ScriptKind, TriggerKind } from '#layering/rpm-scripts.ts';
import { SENSE, TAG } from '#layering/rpm-tags.ts';
import { expandQueryFormat } from '#layering/query-format.ts';
import { isKernelPackage } from '#layering/kernel-packages.ts';
import { isIgnoredScript } from '#layering/scripts-ignored.ts';
import type { ScriptSource } from '#layering/script-source.ts';

export type { ScriptSource } from '#layering/script-source.ts';

export type TriggerPhase =
  | 'triggerprein'
  | 'triggerin'
  | 'triggerun'
  | 'triggerpostun'
  | 'filetriggerin'
  | 'filetriggerun'
  | 'filetriggerpostun'
  | 'transfiletriggerin'
  | 'transfiletriggerun'
  | 'transfiletriggerpostun';

/** Verification is no part of an installation. */
export type ScriptPhase = Exclude<ScriptKind, 'verifyscript'> | TriggerPhase;

export interface PackageScript {
  readonly package: string;
  readonly phase: ScriptPhase;
  /** Program and its arguments; the script's file is appended. */
  readonly interpreter: readonly string[];
  /** Empty where the program runs without a script. */
  readonly body: string;
  /** Whether rpm's macros are expanded in the body before it runs. */
  readonly expand: boolean;
  /** Where a package that may be relocated lies, as its script is told; none where it may not. */
  readonly prefixes?: readonly string[];
}

/** What the new packages bring of their own. */
export interface ScriptPlan {
  /** Some package runs ldconfig after its installation: composing does it once, last. */
  readonly wantsLdconfig: boolean;
  readonly pre: readonly PackageScript[];
  readonly post: readonly PackageScript[];
  readonly posttrans: readonly PackageScript[];
}

/**
 * @throws UserError SCRIPT_UNSUPPORTED naming every package and script that cannot run here
 */
export function planScripts(packages: readonly ScriptSource[]): ScriptPlan {
  const of = (phase: 'pre' | 'post' | 'posttrans'): PackageScript[] =>
    packages.flatMap((source) => scriptsOf(source, phase));
  const problems = packages.flatMap(problemsOf);
  if (problems.length > 0) refuseScripts(problems);
  const wantsLdconfig = packages.some((source) =>
    source.scripts.some(
      ({ kind, program, body }) => kind.startsWith('post') && isBareLdconfig(program, body),
    ),
  );
  return { wantsLdconfig, pre: of('pre'), post: of('post'), posttrans: of('posttrans') };
}

/** Whether rpm itself would run it, in Lua. */
export function isLua({ interpreter }: PackageScript): boolean {
  return interpreter[0] === LUA;
}

/** Whether the plan has no script (ldconfig aside). */
export function isEmptyPlan(plan: ScriptPlan): boolean {
  return plan.pre.length + plan.post.length + plan.posttrans.length === 0;
}

/** The package's script of that phase, if it has one that runs here (none or one). */
export function scriptsOf(source: ScriptSource, phase: ScriptPhase): PackageScript[] {
  return source.scripts
    .filter(({ kind, program, body }) => kind === phase && !isBareLdconfig(program, body))
    .flatMap((script) => runnable(source, phase, script));
}

/** A trigger's script in one of its phases, if it runs here (none or one). */
export function triggerScripts(
  source: ScriptSource,
  phase: TriggerPhase,
  trigger: RpmTrigger,
): PackageScript[] {
  return runnable(source, phase, trigger);
}

/** The phases in which a trigger's script runs. */
export function phasesOf(trigger: RpmTrigger): TriggerPhase[] {
  const bits = trigger.conditions.reduce((all, { flags }) => all | flags, 0);
  return PHASES[trigger.kind].filter(([, sense]) => (bits & sense) !== 0).map(([phase]) => phase);
}

/** @throws UserError SCRIPT_UNSUPPORTED with one line for each problem */
export function refuseScripts(problems: readonly string[]): never {
  throw new UserError('SCRIPT_UNSUPPORTED', problems.join('\n'), {
    hint: 'leave these packages out, or use a build of them without such scripts',
  });
}

/** Why a script cannot run, where it can not (none or one). */
export function problemsOfScript({ package: name, phase, interpreter }: PackageScript): string[] {
  const why = whyNoProgram(interpreter);
  return why === null ? [] : [`package ${name}: %${phase} ${why}`];
}

/** What of a package cannot run, in one line each. */
function problemsOf(source: ScriptSource): string[] {
  const scripts = source.scripts.flatMap(({ kind, ...script }) =>
    kind === 'verifyscript' || isSkipped(source, kind, script) ? [] : whyNot(source, kind, script),
  );
  const triggers = source.triggers.flatMap((trigger) =>
    phasesOf(trigger)
      .filter((phase) => !isSkipped(source, phase, trigger))
      .flatMap((phase) => whyNot(source, phase, trigger)),
  );
  return [...scripts, ...triggers];
}

type AnyScript = Pick<RpmScript, 'program' | 'body'> &
  ({ readonly flags: ScriptFlags } | { readonly scriptFlags: ScriptFlags });

const PHASES: Readonly<Record<TriggerKind, readonly (readonly [TriggerPhase, sense: number])[]>> = {
  package: [
    ['triggerprein', SENSE.TRIGGERPREIN],
    ['triggerin', SENSE.TRIGGERIN],
    ['triggerun', SENSE.TRIGGERUN],
    ['triggerpostun', SENSE.TRIGGERPOSTUN],
  ],
  file: [
    ['filetriggerin', SENSE.TRIGGERIN],
    ['filetriggerun', SENSE.TRIGGERUN],
    ['filetriggerpostun', SENSE.TRIGGERPOSTUN],
  ],
  'transaction-file': [
    ['transfiletriggerin', SENSE.TRIGGERIN],
    ['transfiletriggerun', SENSE.TRIGGERUN],
    ['transfiletriggerpostun', SENSE.TRIGGERPOSTUN],
  ],
};

const LUA = '<lua>';

/** In a script's first ten lines: its author says that a composed tree does not need it. */
const SKIP_COMMENT = '-- rpm-ostree-skip';

function runnable(source: ScriptSource, phase: ScriptPhase, script: AnyScript): PackageScript[] {
  if (isSkipped(source, phase, script)) return [];
  const { name, header } = source;
  const { expand, queryFormat } = flagsOf(script);
  const body = script.body ?? '';
  const prefixes = getStrings(header, TAG.PREFIXES);
  return [
    {
      package: name,
      phase,
      interpreter: wordsOf(script.program),
      body: queryFormat ? queried(header, body) : body,
      expand: expand && body.includes('%'),
      ...(prefixes.length > 0 ? { prefixes } : {}),
    },
  ];
}

function queried(header: RpmHeader, body: string): string {
  const answer = expandQueryFormat(header, body);
  if (answer.kind === 'text') return answer.text;
  return refuseScripts([`${header.where}: the query format '${answer.what}' is not supported`]);
}

function whyNot(source: ScriptSource, phase: ScriptPhase, script: AnyScript): string[] {
  const why = whyUnsupported(source.header, script);
  return why === null ? [] : [`package ${source.name}: %${phase} ${why}`];
}

function whyUnsupported(header: RpmHeader, script: AnyScript): string | null {
  const problem = whyNoProgram(wordsOf(script.program));
  if (problem !== null) return problem;
  const { expand, queryFormat } = flagsOf(script);
  if (!queryFormat) return null;
  if (expand) return 'has both macros (-e) and query formats (-q), which is not supported';
  const answer = expandQueryFormat(header, script.body ?? '');
  return answer.kind === 'text' ? null : `has the query format '${answer.what}', which is not supported`;
}

function whyNoProgram(interpreter: readonly string[]): string | null {
  const [program = ''] = interpreter;
  if (program === LUA || program.startsWith('/')) return null;
  return `is for the interpreter '${interpreter.join(' ')}', which is not a program's path`;
}

function isSkipped(source: ScriptSource, phase: ScriptPhase, script: AnyScript): boolean {
  const lines = (script.body ?? '').split('\n');
  return (
    isIgnoredScript(source.name, phase) ||
    (!phase.includes('trigger') && isKernelPackage(source)) ||
    lines.slice(0, 10).some((line) => line.trim().startsWith(SKIP_COMMENT)) ||
    (script.program[0] === LUA && lines.every(isLuaComment))
  );
}

function isLuaComment(line: string): boolean {
  return line.trim() === '' || line.trim().startsWith('--');
}

/** `%post -p /sbin/ldconfig`. */
function isBareLdconfig(program: readonly string[], body: string | null): boolean {
  return (body ?? '') === '' && program.length === 1 && program[0]?.endsWith('/ldconfig') === true;
}

function flagsOf(script: AnyScript): ScriptFlags {
  return 'flags' in script ? script.flags : script.scriptFlags;
}

/** Triggers have program and arguments in one text. */
function wordsOf(program: readonly string[]): string[] {
  return program.flatMap((word) => word.split(' ')).filter((word) => word !== '');
}
