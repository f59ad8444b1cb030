/** What a command makes of the requests in the origin. Pure: the solver sees only the outcome. */
import { UserError } from '#ostree/format/errors.ts';
import { baseOfWord, baseWord, isVersionOf, type BaseFactsOfWords } from '#layering/base-word.ts';
import { collectProblems } from '#layering/collected-problems.ts';
import { changedInitramfs, INITRAMFS_OF_TREE, type InitramfsChange } from '#layering/initramfs-request.ts';
import type { LayerOrigin } from '#layering/layer-origin.ts';
import { formatNevra } from '#layering/nevra.ts';
import { isRemoteEntry, parseFileEntry, parseRemoteEntry } from '#layering/origin-entries.ts';
import { formatItem, type RequestItem } from '#layering/request.ts';
import { shellWords } from '#layering/shell-word.ts';

export interface RequestChange {
  /** Items to add, in the command's order; `file` and `url` items are handed in as `localPackages`. */
  readonly install: readonly RequestItem[];
  /** Words to take away: a request goes, a base package becomes a removal. */
  readonly uninstall: readonly RequestItem[];
  /** Base packages to leave out. */
  readonly remove: readonly string[];
  /** What stands in for base packages: entries of the origin, each with the base package's name. */
  readonly replace: readonly LocalRequest[];
  /** Overrides (removals and replacements) to take back; null for all of them. */
  readonly reset: readonly string[] | null;
  /** Package files to layer, as the origin names them (`SHA256:NEVRA`), each with its package's name. */
  readonly localPackages: readonly LocalRequest[];
  readonly weakDependencies: boolean | null;
  /** What was asked for before is fine. */
  readonly idempotent: boolean;
  readonly replaceFiles: boolean;
  /** null: as before. */
  readonly initramfs: InitramfsChange | null;
}

export interface LocalRequest {
  readonly entry: string;
  readonly name: string;
}

/** What is known of the system that the requests are for. */
export interface RequestFacts extends BaseFactsOfWords {
  /** Which packages each request of the present tree brought: by spec. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
  /** Names of all that is layered now. */
  readonly layered: ReadonlySet<string>;
}

export const NO_CHANGE: RequestChange = {
  install: [],
  uninstall: [],
  remove: [],
  replace: [],
  reset: [],
  localPackages: [],
  weakDependencies: null,
  idempotent: false,
  replaceFiles: false,
  initramfs: null,
};

/**
 * The requests after the command. @throws UserError NOT_REQUESTED, ALREADY_REQUESTED, NOT_IN_BASE, which tells all that is
 * wrong with the command's words; and of `changedInitramfs`
 */
export function changeRequests(before: LayerOrigin, change: RequestChange, facts: RequestFacts): LayerOrigin {
  const problems = collectProblems();
  const steps: ((origin: LayerOrigin) => LayerOrigin)[] = [
    (origin) => takeBackOverrides(origin, change.reset, facts),
    (origin) => applyUninstall(origin, change, facts),
    (origin) => applyRemovals(origin, change, facts),
    (origin) => applyReplacements(origin, change, facts),
    (origin) => applyInstall(origin, change),
  ];
  const larger = steps.reduce((origin, step) => problems.attempt(() => step(origin)) ?? origin, before);
  problems.throwIfAny();
  return {
    ...larger,
    weakDependencies: change.weakDependencies ?? larger.weakDependencies,
    replaceFiles: change.replaceFiles
      ? [...larger.replaceFiles, ...requestNames(change)]
      : larger.replaceFiles,
    initramfs:
      change.initramfs === null ? larger.initramfs : changedInitramfs(larger.initramfs, change.initramfs),
  };
}

/** What all requests of a kind are dropped from. */
export type RequestKind = 'layers' | 'overrides' | 'initramfs';

/** The requests without those of these kinds. */
export function withoutRequests(origin: LayerOrigin, kinds: readonly RequestKind[]): LayerOrigin {
  const layers = { requested: [], requestedLocal: [], groups: [], replaceFiles: [] };
  const overrides = { removals: [], replaceLocal: [], replaceRemote: [] };
  return {
    ...origin,
    ...(kinds.includes('layers') ? layers : {}),
    ...(kinds.includes('overrides') ? overrides : {}),
    ...(kinds.includes('initramfs') ? { initramfs: INITRAMFS_OF_TREE } : {}),
  };
}

/** Whether both ask for the same. */
export function sameRequests(a: LayerOrigin, b: LayerOrigin): boolean {
  return textOf(a) === textOf(b);
}

/** The name of the package that an entry of `replaceLocal` or `replaceRemote` stands in for. */
export function replacedName(entry: string, { basePackages }: Pick<RequestFacts, 'basePackages'>): string {
  if (!isRemoteEntry(entry)) return parseFileEntry(entry).nevra.name;
  const { spec } = parseRemoteEntry(entry);
  return baseName(spec, { basePackages }) ?? spec;
}

function takeBackOverrides(
  origin: LayerOrigin,
  words: readonly string[] | null,
  facts: RequestFacts,
): LayerOrigin {
  if (words === null) return { ...origin, removals: [], replaceLocal: [], replaceRemote: [] };
  const overridden = [
    ...origin.removals,
    ...[...origin.replaceLocal, ...origin.replaceRemote].map((entry) => replacedName(entry, facts)),
  ];
  const named = words.map((word) => {
    const meant = overridden.includes(word) ? word : baseWord(word, facts);
    // Of a replacement also its own version.
    return { word, name: overridden.find((name) => name === meant || isVersionOf(word, name)) };
  });
  const unknown = named.filter(({ name }) => name === undefined).map(({ word }) => word);
  if (unknown.length > 0)
    throw new UserError('NOT_REQUESTED', `no override for ${unknown.join(', ')}`, {
      hint:
        overridden.length > 0
          ? `overrides: ${overridden.join(', ')}`
          : 'no package of the base is overridden',
    });
  const names = named.flatMap(({ name }) => name ?? []);
  return withoutOverrides(origin, names, facts);
}

function withoutOverrides(
  origin: LayerOrigin,
  names: readonly string[],
  facts: Pick<RequestFacts, 'basePackages'>,
): LayerOrigin {
  const stays = (entry: string): boolean => !names.includes(replacedName(entry, facts));
  return {
    ...origin,
    removals: origin.removals.filter((name) => !names.includes(name)),
    replaceLocal: origin.replaceLocal.filter(stays),
    replaceRemote: origin.replaceRemote.filter(stays),
  };
}

/** A package has one override: the new one takes the place of the old one. */
function applyReplacements(origin: LayerOrigin, change: RequestChange, facts: RequestFacts): LayerOrigin {
  const unknown = change.replace.filter(({ name }) => !facts.basePackages.has(name)).map(({ name }) => name);
  if (unknown.length > 0)
    throw new UserError('NOT_IN_BASE', `not in the base, so cannot be replaced: ${unknown.join(', ')}`, {
      hint: "'yum-ostree install' layers what the base does not have",
    });
  const present = new Set([...origin.replaceLocal, ...origin.replaceRemote]);
  const again = change.replace.filter(({ entry }) => present.has(entry));
  if (again.length > 0 && !change.idempotent)
    throw alreadyRequested(
      again.map(({ name }) => name),
      'replaced by that',
    );
  const fresh = change.replace.filter(({ entry }) => !present.has(entry));
  const cleared = withoutOverrides(
    origin,
    fresh.map(({ name }) => name),
    facts,
  );
  const entries = fresh.map(({ entry }) => entry);
  return {
    ...cleared,
    replaceLocal: [...cleared.replaceLocal, ...entries.filter((entry) => !isRemoteEntry(entry))],
    replaceRemote: [...cleared.replaceRemote, ...entries.filter(isRemoteEntry)],
  };
}

function applyUninstall(origin: LayerOrigin, change: RequestChange, facts: RequestFacts): LayerOrigin {
  const unknown: string[] = [];
  let result = origin;
  for (const item of change.uninstall) {
    const next = withoutItem(result, item, facts);
    if (next !== null) result = next;
    else if (!change.idempotent) unknown.push(item.kind === 'group' ? `@${item.id}` : formatItem(item));
  }
  const installed = new Set(change.install.map(formatItem));
  const both = unknown.filter((word) => installed.has(word));
  if (both.length > 0)
    throw new UserError('USAGE', `asked both to install and to uninstall: ${[...new Set(both)].join(', ')}`, {
      hint: 'name it once',
    });
  if (unknown.length > 0) throw notRequested(unknown, result, facts);
  return result;
}

/** The requests without one item; null where it is neither a request nor in the base. */
function withoutItem(origin: LayerOrigin, item: RequestItem, facts: RequestFacts): LayerOrigin | null {
  if (item.kind === 'group')
    return origin.groups.includes(item.id)
      ? { ...origin, groups: origin.groups.filter((id) => id !== item.id) }
      : null;
  const word = formatItem(item);
  const requested = origin.requested.filter((spec) => !isRequestFor(spec, word, facts));
  const local = origin.requestedLocal.filter((entry) => !isLocalFor(entry, word));
  if (requested.length < origin.requested.length || local.length < origin.requestedLocal.length)
    return { ...origin, requested, requestedLocal: local };
  const name = baseWord(word, facts);
  if (name === null) return null;
  if (origin.removals.includes(name)) return null;
  const cleared = withoutOverrides(origin, [name], facts);
  return { ...cleared, removals: [...cleared.removals, name] };
}

function applyRemovals(origin: LayerOrigin, change: RequestChange, facts: RequestFacts): LayerOrigin {
  const unknown = change.remove.filter((word) => baseWord(word, facts) === null);
  if (unknown.length > 0) {
    const list = unknown.map((word) => `${word}${baseOfWord(word, facts)}`).join(', ');
    throw new UserError('NOT_IN_BASE', `not in the base: ${list}`, {
      hint: "'yum-ostree uninstall' takes layered packages away",
    });
  }
  const names = change.remove.map((word) => baseWord(word, facts) ?? word);
  const again = names.filter((name) => origin.removals.includes(name));
  if (again.length > 0 && !change.idempotent) throw alreadyRequested(again, 'removed from the base');
  const cleared = withoutOverrides(origin, names, facts);
  return { ...cleared, removals: [...new Set([...cleared.removals, ...names])] };
}

function applyInstall(origin: LayerOrigin, change: RequestChange): LayerOrigin {
  const again: string[] = [];
  const requested = [...origin.requested];
  const groups = [...origin.groups];
  const local = [...origin.requestedLocal];
  let removals = origin.removals;
  const before = new Set([
    ...origin.requested,
    ...origin.groups.map((id) => `@${id}`),
    ...origin.requestedLocal,
  ]);
  // What one command names twice is taken once.
  const add = (list: string[], entry: string, word: string): void => {
    if (before.has(list === groups ? word : entry)) again.push(word);
    else if (!list.includes(entry)) list.push(entry);
  };
  for (const item of change.install) {
    if (item.kind === 'group') add(groups, item.id, `@${item.id}`);
    else if (item.kind === 'spec') {
      if (removals.includes(item.spec)) removals = removals.filter((name) => name !== item.spec);
      else add(requested, item.spec, item.spec);
    }
  }
  const replacing = change.localPackages.filter(({ entry }) => origin.replaceLocal.includes(entry));
  for (const one of change.localPackages) if (!replacing.includes(one)) add(local, one.entry, one.name);
  if (again.length > 0 && !change.idempotent) throw alreadyRequested(again, 'requested');
  if (replacing.length > 0 && !change.idempotent)
    throw alreadyRequested(
      replacing.map(({ name }) => name),
      'replaced by that',
    );
  return { ...origin, requested, groups, requestedLocal: local, removals };
}

/** Whether the word names this request: as typed, by the name of a NEVRA, or by a package that it brought. */
function isRequestFor(spec: string, word: string, facts: RequestFacts): boolean {
  if (spec === word) return true;
  if ((facts.resolved.get(spec) ?? []).includes(word)) return true;
  return (
    isVersionOf(spec, word) || (facts.resolved.get(spec) ?? [spec]).some((name) => isVersionOf(word, name))
  );
}

/** A package file and a name or NEVRA. */
function isLocalFor(entry: string, word: string): boolean {
  const nevra = formatNevra(parseFileEntry(entry).nevra);
  return nevra === word || isVersionOf(nevra, word);
}

/** Of a spec of a replacement, whose version is another than the base's. */
export function baseName(word: string, facts: Pick<RequestFacts, 'basePackages'>): string | null {
  if (facts.basePackages.has(word)) return word;
  for (const name of facts.basePackages) if (isVersionOf(word, name)) return name;
  return null;
}

function requestNames(change: RequestChange): string[] {
  return [
    ...change.install.flatMap((item) => (item.kind === 'spec' ? [item.spec] : [])),
    ...change.localPackages.map(({ name }) => name),
  ];
}

function notRequested(words: readonly string[], origin: LayerOrigin, facts: RequestFacts): UserError {
  const removed = words.filter((word) => origin.removals.includes(baseWord(word, facts) ?? ''));
  const others = words.filter((word) => !removed.includes(word));
  const parts = [
    ...(removed.length > 0 ? [`already removed from the base: ${removed.join(', ')}`] : []),
    ...(others.length > 0 ? [`neither requested nor in the base: ${others.join(', ')}`] : []),
  ];
  const hints = [
    ...(removed.length > 0 ? [`'yum-ostree override reset ${shellWords(removed)}' brings it back`] : []),
    ...others.filter((word) => facts.layered.has(word)).map((word) => layeredFor(word, facts)),
  ];
  const hint = hints.length > 0 ? hints.join('; ') : "'yum-ostree status' lists what is requested";
  return new UserError('NOT_REQUESTED', parts.join('; '), { hint });
}

function layeredFor(word: string, facts: RequestFacts): string {
  const by = [...facts.resolved].filter(([, names]) => names.includes(word)).map(([spec]) => spec);
  if (by.length === 0) return `${word}: layered only because another request needs it; take that away`;
  return `${word}: layered as a part of ${by.join(', ')}; take that away`;
}

function alreadyRequested(words: readonly string[], how: string): UserError {
  return new UserError('ALREADY_REQUESTED', `already ${how}: ${words.join(', ')}`, {
    hint: '--idempotent makes this no error',
  });
}

function textOf(origin: LayerOrigin): string {
  const sorted = Object.entries(origin).map(([key, value]): [string, unknown] => [
    key,
    Array.isArray(value) ? [...new Set(value as string[])].sort() : value,
  ]);
  return JSON.stringify(sorted.sort(([a], [b]) => (a < b ? -1 : 1)));
}
