import type { GoalRule, SackPackage } from '#native/solver.ts';

/** Why a request cannot be met, in words for the person who made it. */
export interface SolveProblem {
  /** One line. */
  readonly message: string;
  /** The facts it rests on, a sentence each. */
  readonly rules: readonly string[];
  /** What to do, where there is something to do. */
  readonly hint?: string;
}

/**
 * The sentences for one problem of the solver. `specs` are the words of the request by handle.
 * Every package is named with its version and where it is: the base, or a repository.
 */
export function describeProblem(rules: readonly GoalRule[], specs: readonly string[]): SolveProblem {
  const ordered = [...rules].sort((a, b) => rank(a) - rank(b));
  const sentences = unique(ordered.flatMap((rule) => sentence(rule) ?? []));
  const asked = unique(rules.flatMap(({ handle }) => (handle === null ? [] : (specs[handle] ?? []))));
  const locked = unique(rules.flatMap((rule) => baseHolder(rule) ?? []));
  const subject = asked.length > 0 ? `cannot install ${asked.join(', ')}: ` : '';
  const facts = sentences.length > 0 ? sentences : ['the requests conflict with each other'];
  const stays = sentences.some((text) => text.includes('in the base')) || locked.length === 0;
  const base = stays ? '' : `; ${locked.join(', ')} of the base must stay as it is`;
  const hint = hintFor(rules);
  return {
    message: `${subject}${facts.join('; ')}${base}`,
    rules: facts,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** A package for people: NEVRA without the 0 epoch, and where it is. */
export function describePackage(one: SackPackage): string {
  const evr = `${one.epoch === 0 ? '' : `${one.epoch}:`}${one.version}-${one.release}`;
  const place = one.installed ? 'in the base' : placeOf(one.repo);
  return `${one.name}-${evr}.${one.arch} (${place})`;
}

function placeOf(repo: string): string {
  return repo === COMMAND_LINE ? 'from the command line' : `from ${repo}`;
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
      return `${source} is of a lesser architecture than another package of that name`;
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

/** The base package that a rule is about: one that is locked, or the other side of a conflict. */
function baseHolder(rule: GoalRule): string | null {
  const held = rule.locked ?? [rule.source, rule.target].find((one) => one?.installed === true);
  return held == null ? null : held.name;
}

function hintFor(rules: readonly GoalRule[]): string | undefined {
  const leavingNeeded = rules.find((rule) => rule.type === 'requires' && rule.source?.installed === true);
  if (leavingNeeded?.source != null)
    return `${leavingNeeded.source.name} of the base needs what would go: remove it too ('yum-ostree uninstall ${leavingNeeded.source.name}')`;
  const held = unique(
    rules.flatMap((rule) =>
      ['conflicts', 'obsoletes', 'same-name'].includes(rule.type) ? (baseHolder(rule) ?? []) : [],
    ),
  );
  if (held.length > 0) return `base packages are never changed by install; ${overrideHint(rules, held)}`;
  if (rules.some((rule) => rule.type === 'nothing-provides'))
    return 'enable the repository that has it, or choose a version that fits the base';
  return undefined;
}

/** Another version may stand in where the request has one; else only taking it out helps. */
function overrideHint(rules: readonly GoalRule[], held: readonly string[]): string {
  const names = held.join(' ');
  const them = held.length === 1 ? 'it' : 'them';
  const remove = `'yum-ostree override remove ${names}' takes ${them} out of the tree`;
  if (!rules.some(({ type }) => type === 'same-name')) return remove;
  return `'yum-ostree override replace ${names}' lets another version stand in, ${remove}`;
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
