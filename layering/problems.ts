/** Why a request cannot be met, in words for the person who made it. Pure. */
import type { GoalRule, SackPackage } from '#native/solver.ts';

export interface SolveProblem {
  /** One line: what cannot be done, and the chain of requirements that leads there. */
  readonly message: string;
  /** The facts it rests on, a sentence each. */
  readonly rules: readonly string[];
  /** What to do, where there is something to do. */
  readonly hint?: string;
  /** The requests that it is about. */
  readonly asked?: readonly AskedJob[];
  readonly cause?: ProblemCause;
}

/** One thing that the solver was asked for. */
export interface AskedJob {
  readonly kind: 'install' | 'replace' | 'remove';
  /** The request: a spec, a file's path, `@group`, a base package's name. */
  readonly request: string;
  /** What people are told: `strace (of @tracing)`. */
  readonly label: string;
}

/** What stands in the way; `base` are packages of the base, which only overrides change. */
export type ProblemCause =
  /** Another version than the base's would have to be installed. */
  | {
      readonly kind: 'version';
      readonly base: readonly SackPackage[];
      readonly wanted: readonly SackPackage[];
      /** Whether it is the request itself that is of another version. */
      readonly isRequest: boolean;
    }
  | { readonly kind: 'conflict'; readonly base: readonly SackPackage[] }
  /** Packages of the base need what would go. */
  | { readonly kind: 'needed'; readonly base: readonly SackPackage[] }
  /** A dependency that nothing has. */
  | { readonly kind: 'missing' }
  /** The requests exclude each other. */
  | { readonly kind: 'requests' };

/**
 * The sentences for one problem of the solver. `jobs` are the requests by handle. Every package is named with its version and
 * where it is: the base, or a repository.
 */
export function describeProblem(
  rules: readonly GoalRule[],
  jobs: readonly (AskedJob | undefined)[],
): SolveProblem {
  const ordered = [...rules].sort((a, b) => rank(a) - rank(b));
  const sentences = unique(ordered.flatMap((rule) => sentence(rule) ?? []));
  const asked = unique(rules.flatMap(({ handle }) => (handle === null ? [] : (jobs[handle] ?? []))));
  const cause = causeOf(rules);
  const facts = sentences.length > 0 ? sentences : ['the requests conflict with each other'];
  const hint = HINTS[cause.kind];
  return {
    message: `${subjectOf(asked)}${facts.join('; ')}`,
    rules: facts,
    asked,
    cause,
    ...(hint === null ? {} : { hint }),
  };
}

/** Who holds it: the base's packages that are in the way; null where none is. */
export function holderOf({ cause }: SolveProblem): string | null {
  if (cause === undefined || !('base' in cause) || cause.base.length === 0) return null;
  return `held by the base: ${unique(cause.base.map(nevraText)).join(', ')}`;
}

const HINTS: Readonly<Record<ProblemCause['kind'], string | null>> = {
  version: 'base packages are never changed by install: an override replaces them or takes them out',
  conflict: 'base packages are never changed by install: an override replaces them or takes them out',
  needed: null,
  missing: 'enable the repository that has it (--enablerepo ID), or choose a version that fits the base',
  requests: null,
};

function subjectOf(asked: readonly AskedJob[]): string {
  if (asked.length === 0) return '';
  const removals = asked.filter(({ kind }) => kind === 'remove').map(({ label }) => label);
  const others = asked.filter(({ kind }) => kind !== 'remove').map(({ label }) => label);
  const parts = [
    ...(others.length > 0 ? [`cannot install ${others.join(', ')}`] : []),
    ...(removals.length > 0
      ? [`${others.length > 0 ? 'and ' : 'cannot '}take out ${removals.join(', ')}`]
      : []),
  ];
  return `${parts.join(' ')}: `;
}

function causeOf(rules: readonly GoalRule[]): ProblemCause {
  const needing = rules.flatMap(({ type, source }) =>
    type === 'requires' && source?.installed === true ? [source] : [],
  );
  if (needing.length > 0) return { kind: 'needed', base: needing };
  const versions = rules.filter(({ type }) => type === 'same-name');
  const held = versions.flatMap((rule) => sides(rule).filter(({ installed }) => installed));
  if (held.length > 0) {
    const wanted = versions.flatMap((rule) => sides(rule).filter(({ installed }) => !installed));
    const isRequest = !rules.some(({ type }) => type === 'requires');
    return { kind: 'version', base: held, wanted, isRequest };
  }
  const conflicts = rules.filter(({ type }) => type === 'conflicts' || type === 'obsoletes');
  const base = conflicts.flatMap((rule) => sides(rule).filter(({ installed }) => installed));
  if (base.length > 0) return { kind: 'conflict', base };
  const locked = rules.flatMap(({ locked }) => locked ?? []);
  if (locked.length > 0) return { kind: 'version', base: locked, wanted: [], isRequest: false };
  const isMissing = rules.some(({ type }) => type === 'nothing-provides' || type === 'job-nothing-provides');
  return isMissing ? { kind: 'missing' } : { kind: 'requests' };
}

function sides({ source, target, locked }: GoalRule): SackPackage[] {
  return [source, target, locked].filter((one) => one !== null);
}

/** A package for people: NEVRA without the 0 epoch, and where it is. */
export function describePackage(one: SackPackage): string {
  return `${nevraText(one)} (${one.installed ? 'in the base' : placeOf(one.repo)})`;
}

function nevraText(one: SackPackage): string {
  const evr = `${one.epoch === 0 ? '' : `${one.epoch}:`}${one.version}-${one.release}`;
  return `${one.name}-${evr}.${one.arch}`;
}

function placeOf(repo: string): string {
  return repo === COMMAND_LINE ? 'from a file' : `from ${repo}`;
}

/** The repository name of packages given as files. */
export const COMMAND_LINE = '@commandline';

/** The chain of requirements first, then what breaks it. */
function rank({ type }: GoalRule): number {
  if (type === 'requires') return 0;
  return type === 'nothing-provides' || type === 'not-installable' || type === 'job-nothing-provides' ? 1 : 2;
}

function sentence(rule: GoalRule): string | null {
  const source = rule.source === null ? 'a package' : describePackage(rule.source);
  const target = rule.target === null ? 'another package' : describePackage(rule.target);
  const dependency = rule.dependency ?? 'something';
  switch (rule.type) {
    case 'requires':
      return `${source} requires ${dependency}, which cannot be satisfied`;
    case 'nothing-provides':
      return `${source} requires ${dependency}, which no package provides`;
    case 'job-nothing-provides':
      return `no package provides ${dependency}`;
    case 'not-installable':
      return `${source} is excluded or made for another architecture`;
    case 'conflicts':
      return `${source} conflicts with ${dependency}, which is ${target}`;
    case 'self-conflict':
      return `${source} conflicts with ${dependency}, which it provides itself`;
    case 'obsoletes':
      return `${source} replaces (obsoletes) ${dependency}, which is ${target}`;
    case 'same-name':
      return sameName(rule.source, rule.target);
    case 'inferior-architecture':
      return rule.source?.installed === true
        ? `${source} has to be of the same version as the package of the other architecture: replace both`
        : `${source} is of a lesser architecture than another package of that name`;
    case 'job':
    case 'keep-installed':
      return null;
    case 'other':
      return rule.text;
    default:
      return rule.type satisfies never;
  }
}

function sameName(a: SackPackage | null, b: SackPackage | null): string | null {
  if (a === null || b === null) return null;
  const [held, other] = a.installed ? [a, b] : [b, a];
  if (held.installed) return `${describePackage(other)} would replace ${describePackage(held)}`;
  return `${describePackage(a)} and ${describePackage(b)} cannot both be installed`;
}

function unique<T>(all: readonly T[]): T[] {
  return [...new Set(all)];
}
