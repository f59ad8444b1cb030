/** Which scripts of packages run when they are layered, in which order, and which cannot. Pure. */
import { UserError } from '#ostree/format/errors.ts';

/** The part of an RPM header that this file reads; `tag` is the number in rpm's tag list. */
export interface ScriptHeader {
  getString(tag: number): string | null;
  getStrings(tag: number): readonly string[];
  getInts(tag: number): readonly number[];
}

export interface ScriptSource {
  /** The package's name. */
  readonly name: string;
  readonly header: ScriptHeader;
}

export type ScriptPhase = 'pre' | 'post' | 'posttrans' | 'transfiletriggerin';

export interface PackageScript {
  readonly package: string;
  readonly phase: ScriptPhase;
  /** Program and its arguments; the script's file is appended. */
  readonly interpreter: readonly string[];
  readonly body: string;
}

/** A script that runs once when files below some prefix change. */
export interface FileTrigger extends PackageScript {
  /** Absolute path prefixes. */
  readonly prefixes: readonly string[];
  /** Higher runs earlier; rpm's default is 1,000,000. */
  readonly priority: number;
}

export interface ScriptPlan {
  /** Some package runs ldconfig after its installation: composing does it once, last. */
  readonly wantsLdconfig: boolean;
  readonly pre: readonly PackageScript[];
  readonly post: readonly PackageScript[];
  readonly posttrans: readonly PackageScript[];
}

const TAG = {
  pre: { body: 1023, program: 1085, flags: 5020 },
  post: { body: 1024, program: 1086, flags: 5021 },
  posttrans: { body: 1152, program: 1154, flags: 5025 },
} as const;

const TRIGGER = { scripts: 1065, programs: 1092, flags: 1068, indexes: 1069 } as const;
const FILE_TRIGGER = {
  scripts: 5076,
  programs: 5077,
  scriptFlags: 5078,
  names: 5079,
  indexes: 5080,
  flags: 5082,
  priorities: 5085,
} as const;

const SENSE_TRIGGERIN = 1 << 16;
const SENSE_TRIGGERPREIN = 1 << 25;
const FLAG_EXPAND = 1;
const FLAG_QUERY_FORMAT = 2;
const DEFAULT_PRIORITY = 1_000_000;

/**
 * Scripts that are of no use, or do harm, where a tree is composed: they look after the machine they run on, or do what
 * composing does itself. `*` stands for all phases.
 */
const IGNORED: ReadonlyMap<string, readonly (ScriptPhase | 'trigger' | '*')[]> = new Map([
  ['filesystem', ['*']],
  ['setup', ['post']],
  ['glibc', ['pre']],
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
  ['systemd', ['transfiletriggerin']],
  ['man-db', ['transfiletriggerin']],
]);

/** In a script's first ten lines: its author says that a composed tree does not need it. */
const SKIP_COMMENT = '-- rpm-ostree-skip';

/**
 * The scripts that run: all %pre, then all %post, then all %posttrans, each in the order of `packages`.
 * @throws UserError SCRIPT_UNSUPPORTED naming every package and script that cannot run here
 */
export function planScripts(packages: readonly ScriptSource[]): ScriptPlan {
  refuseUnsupported(packages);
  const all = (phase: keyof typeof TAG): PackageScript[] =>
    packages.flatMap((source) => scriptOf(source, phase) ?? []).filter((script) => !isSkipped(script));
  const of = (phase: keyof typeof TAG): PackageScript[] =>
    all(phase).filter((script) => !isBareLdconfig(script));
  const wantsLdconfig = [...all('post'), ...all('posttrans')].some(isBareLdconfig);
  return { wantsLdconfig, pre: of('pre'), post: of('post'), posttrans: of('posttrans') };
}

/** Whether the plan has no script (ldconfig aside). */
export function isEmptyPlan(plan: ScriptPlan): boolean {
  return plan.pre.length + plan.post.length + plan.posttrans.length === 0;
}

/** The %transfiletriggerin scripts of a package; those that cannot run here are left out (`unsupported` says which). */
export function fileTriggersOf({ name, header }: ScriptSource): FileTrigger[] {
  const scripts = header.getStrings(FILE_TRIGGER.scripts);
  if (scripts.length === 0 || isIgnored(name, 'transfiletriggerin')) return [];
  const programs = header.getStrings(FILE_TRIGGER.programs);
  const names = header.getStrings(FILE_TRIGGER.names);
  const indexes = header.getInts(FILE_TRIGGER.indexes);
  const flags = header.getInts(FILE_TRIGGER.flags);
  const priorities = header.getInts(FILE_TRIGGER.priorities);
  return scripts.flatMap((body, at) => {
    const prefixes = names.filter(
      (prefix, i) => indexes[i] === at && ((flags[i] ?? 0) & SENSE_TRIGGERIN) !== 0 && isTreePath(prefix),
    );
    const interpreter = (programs[at] ?? '/bin/sh').split(' ');
    if (prefixes.length === 0 || interpreter[0] === '<lua>') return [];
    const priority = priorities[at] ?? DEFAULT_PRIORITY;
    return [{ package: name, phase: 'transfiletriggerin' as const, interpreter, body, prefixes, priority }];
  });
}

/** The changed paths (absolute) that a trigger is for. */
export function matchingPaths(trigger: FileTrigger, paths: readonly string[]): string[] {
  return paths.filter((path) => trigger.prefixes.some((prefix) => path.startsWith(prefix)));
}

function scriptOf({ name, header }: ScriptSource, phase: keyof typeof TAG): PackageScript | null {
  const program = header.getStrings(TAG[phase].program);
  const body = header.getString(TAG[phase].body) ?? '';
  if (program.length === 0 && body === '') return null;
  const interpreter = program.length === 0 ? ['/bin/sh'] : program;
  return { package: name, phase, interpreter, body };
}

function isSkipped(script: PackageScript): boolean {
  return (
    isIgnored(script.package, script.phase) ||
    script.body.split('\n', 10).some((line) => line.trim().startsWith(SKIP_COMMENT)) ||
    (isLua(script) && isHarmlessLua(script.body))
  );
}

function isIgnored(name: string, phase: ScriptPhase | 'trigger'): boolean {
  const ignored = IGNORED.get(name);
  return ignored !== undefined && (ignored.includes('*') || ignored.includes(phase));
}

/** `%post -p /sbin/ldconfig`. */
function isBareLdconfig({ interpreter, body }: PackageScript): boolean {
  return body === '' && interpreter.length === 1 && interpreter[0]?.endsWith('/ldconfig') === true;
}

function isLua(script: PackageScript): boolean {
  return script.interpreter[0] === '<lua>';
}

/** Nothing but comments and blank lines. */
function isHarmlessLua(body: string): boolean {
  return body.split('\n').every((line) => line.trim() === '' || line.trim().startsWith('--'));
}

function refuseUnsupported(packages: readonly ScriptSource[]): void {
  const reasons = packages.flatMap(unsupportedOf);
  if (reasons.length === 0) return;
  throw new UserError('SCRIPT_UNSUPPORTED', reasons.join('\n'), {
    hint: 'leave these packages out, or use a build of them without such scripts',
  });
}

function unsupportedOf(source: ScriptSource): string[] {
  const phases = ['pre', 'post', 'posttrans'] as const;
  const scripts = phases.flatMap((phase) => {
    const script = scriptOf(source, phase);
    if (script === null || isSkipped(script)) return [];
    const why = whyUnsupported(script, source.header.getInts(TAG[phase].flags)[0] ?? 0);
    return why === null ? [] : [`package ${source.name}: %${phase} ${why}`];
  });
  return isIgnored(source.name, 'trigger') ? scripts : [...scripts, ...unsupportedTriggers(source)];
}

function whyUnsupported(script: PackageScript, flags: number): string | null {
  if (isLua(script)) return 'is written in Lua, which is not supported yet';
  if ((flags & FLAG_QUERY_FORMAT) !== 0) return 'uses rpm query formats (-q), which are not supported';
  if ((flags & FLAG_EXPAND) !== 0 && script.body.includes('%'))
    return 'expands rpm macros when it is installed (-e), which is not supported';
  if (script.interpreter[0]?.startsWith('/') !== true)
    return `is for the interpreter '${script.interpreter.join(' ')}', which is not a program's path`;
  return null;
}

/** %triggerin and %triggerprein would have to run; %triggerun and %triggerpostun never do when a tree is composed. */
function unsupportedTriggers({ name, header }: ScriptSource): string[] {
  const flags = header.getInts(TRIGGER.flags);
  return flags.some((flag) => (flag & (SENSE_TRIGGERIN | SENSE_TRIGGERPREIN)) !== 0)
    ? [`package ${name}: package triggers (%triggerin, %triggerprein) are not supported`]
    : [];
}

function isTreePath(prefix: string): boolean {
  return prefix.startsWith('/usr')
    ? !prefix.startsWith('/usr/local')
    : /^\/(etc|lib|lib64|bin|sbin)\b/.test(prefix);
}
