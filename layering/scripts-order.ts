/** The order in which rpm runs scripts and triggers, with the arguments and input that they get. Pure. */
import type { UserError } from '#ostree/format/errors.ts';
import type { Evr } from '#layering/evr.ts';
import type { ScriptEnd, ScriptPlace } from '#layering/sandbox.ts';
import {
  filesInReach,
  fileTriggerSteps,
  installedTriggerSteps,
  ownTriggerSteps,
  type Occasion,
} from '#layering/scripts-triggers.ts';
import {
  scriptsOf,
  type PackageScript,
  type ScriptPhase,
  type ScriptSource,
} from '#layering/scripts-plan.ts';

/** What of the base planning asks for. */
export interface InstalledPackages {
  /** Versions of the packages of that name, those that are removed included. */
  versions(name: string): readonly Evr[];
  /** Paths that the prefixes reach, in the database's order: of all packages but `gone` ones of `removed`. */
  files(prefixes: readonly string[], gone: readonly ScriptSource[]): readonly string[];
  /** Whether a package that stays has the path, as its header spells it. */
  keeps(path: string): boolean;
  /** Packages that stay and have triggers, in the database's order. */
  readonly triggering: readonly ScriptSource[];
  /** These and the ones that are removed, in the database's order. */
  readonly present: readonly ScriptSource[];
}

export interface ScriptTransaction {
  readonly installed: InstalledPackages;
  /** In the order of installation. */
  readonly added: readonly ScriptSource[];
  readonly removed: readonly ScriptSource[];
}

export interface ScriptStep {
  readonly script: PackageScript;
  /** What the script gets as its arguments, e.g. `1` for an installation. */
  readonly args: readonly string[];
  /** Paths, one a line, for file triggers. */
  readonly stdin: string;
  /** A failure is told, and is no reason to stop: rpm would have run the script before the package's files went. */
  readonly mayFail: boolean;
  readonly place?: ScriptPlace;
  /** The error where it fails; SCRIPT_FAILED where it is not given. */
  readonly failure?: (end: ScriptEnd) => UserError;
}

/** Above or at this priority file triggers run before the package's own script. */
export const EARLY_PRIORITY = 10_000;

/**
 * All that runs, as rpm 4.18 orders it: %pretrans of all; %transfiletriggerun; then package by package %triggerprein,
 * %pre, %filetriggerin, %post, %triggerin, the rest of %filetriggerin; removals; %posttrans of all;
 * %transfiletriggerin and -postun. Unlike with rpm, the files of all packages are there from the start.
 */
export function orderScripts(transaction: ScriptTransaction): ScriptStep[] {
  const state = new TransactionState(transaction);
  const { added, removed } = transaction;
  const replaced = new Set(removed.filter(({ name }) => added.some((other) => other.name === name)));
  const arg = ({ name }: ScriptSource): number => transaction.installed.versions(name).length + 1;
  return [
    ...added.flatMap((source) => own(source, 'pretrans', arg(source))),
    ...removed.flatMap((source) => own(source, 'preuntrans', 0)),
    ...transactionRemovals(state),
    ...added.flatMap((source) => [
      ...installSteps(state, source),
      ...[...replaced].filter(({ name }) => name === source.name).flatMap((old) => eraseSteps(state, old)),
    ]),
    ...removed.filter((source) => !replaced.has(source)).flatMap((source) => eraseSteps(state, source)),
    ...added.flatMap((source) => own(source, 'posttrans', arg(source))),
    ...removed.flatMap((source) => own(source, 'postuntrans', 0)),
    ...transactionAdditions(state),
  ];
}

/** Which packages are installed while the transaction goes on. */
class TransactionState {
  readonly transaction: ScriptTransaction;
  /** With triggers, in the database's order. */
  present: readonly ScriptSource[];
  private readonly done: ScriptSource[] = [];
  private gone: readonly ScriptSource[] = [];
  /** Paths of so many of `done`. */
  private readonly placed = new Set<string>();
  private placedOf = 0;

  constructor(transaction: ScriptTransaction) {
    this.transaction = transaction;
    this.present = transaction.installed.present;
  }

  install(source: ScriptSource): void {
    this.done.push(source);
    this.present = [...this.present, source];
  }

  erase(source: ScriptSource): void {
    this.gone = [...this.gone, source];
    this.present = this.present.filter((one) => one !== source);
  }

  versions(name: string): Evr[] {
    const added = this.done.filter((one) => one.name === name).map(({ evr }) => evr);
    const lost = this.gone.filter((one) => one.name === name).length;
    return [...this.transaction.installed.versions(name).slice(lost), ...added];
  }

  count(name: string): number {
    return this.versions(name).length;
  }

  /** Paths of all packages that are installed now, as far as these prefixes reach. */
  files(prefixes: readonly string[], except?: ScriptSource): string[] {
    const added = this.done.filter((one) => one !== except);
    return [
      ...this.transaction.installed.files(prefixes, this.gone),
      ...added.flatMap((one) => filesInReach(one, prefixes)),
    ];
  }

  /** The same of all that is removed, in the database's order. */
  allLost(prefixes: readonly string[]): string[] {
    const { removed, installed } = this.transaction;
    const going = installed.present.filter((one) => removed.includes(one));
    return going.flatMap((one) => filesInReach(one, prefixes));
  }

  /** Paths that come with a package that is installed now: rpm does not make again what an earlier one brought. */
  filesGained(source: ScriptSource): readonly string[] {
    const before = this.done.slice(this.placedOf, this.done.indexOf(source));
    for (const path of before.flatMap((one) => one.files())) this.placed.add(path);
    this.placedOf += before.length;
    return source.files().filter((path) => !this.placed.has(path));
  }

  /** Paths that go with a package: those of no new one, of none that stays, and of none that is to go after it. */
  filesLost(source: ScriptSource): readonly string[] {
    const { added, removed, installed } = this.transaction;
    const waiting = removed.filter((one) => one !== source && !this.gone.includes(one));
    const kept = new Set([...added, ...waiting].flatMap((one) => one.files()));
    return source.files().filter((path) => !kept.has(path) && !installed.keeps(path));
  }
}

function installSteps(state: TransactionState, source: ScriptSource): ScriptStep[] {
  const before = state.count(source.name);
  const prein: Occasion = { state, phase: 'triggerprein', source, own: before, other: before };
  const first = [...installedTriggerSteps(prein), ...ownTriggerSteps(prein)];
  const pre = own(source, 'pre', before + 1);
  state.install(source);
  const occasion: Occasion = {
    ...prein,
    phase: 'triggerin',
    own: before + 1,
    other: before + 1,
  };
  const gained = once(() => state.filesGained(source));
  const files = (early: boolean): ScriptStep[] => [
    ...fileTriggerSteps(state.present, 'filetriggerin', { early, paths: gained }),
    ...fileTriggerSteps([source], 'filetriggerin', {
      early,
      paths: (prefixes) => state.files(prefixes, source),
    }),
  ];
  return [
    ...first,
    ...pre,
    ...files(true),
    ...own(source, 'post', before + 1),
    ...installedTriggerSteps(occasion),
    ...ownTriggerSteps(occasion),
    ...files(false),
  ];
}

function eraseSteps(state: TransactionState, source: ScriptSource): ScriptStep[] {
  const after = state.count(source.name) - 1;
  const occasion: Occasion = { state, phase: 'triggerun', source, own: after, other: after };
  const lost = once(() => state.filesLost(source));
  const files = (phase: 'filetriggerun' | 'filetriggerpostun', early: boolean): ScriptStep[] =>
    fileTriggerSteps(state.present, phase, { early, paths: lost });
  const ownFiles = (early: boolean): ScriptStep[] =>
    fileTriggerSteps([source], 'filetriggerun', { early, paths: (prefixes) => state.files(prefixes) });
  const steps = [
    ...ownFiles(true),
    ...files('filetriggerun', true),
    ...ownTriggerSteps(occasion),
    ...installedTriggerSteps(occasion),
    ...own(source, 'preun', after),
    ...ownFiles(false),
    ...files('filetriggerun', false),
    ...files('filetriggerpostun', true),
    ...own(source, 'postun', after),
    ...installedTriggerSteps({ ...occasion, phase: 'triggerpostun' }),
    ...files('filetriggerpostun', false),
  ].map((step) => (step.script.package === source.name ? { ...step, mayFail: true } : step));
  state.erase(source);
  return steps;
}

function transactionRemovals(state: TransactionState): ScriptStep[] {
  const { removed, installed } = state.transaction;
  const lost = (prefixes: readonly string[]): string[] => state.allLost(prefixes);
  const all = (prefixes: readonly string[]): string[] => state.files(prefixes);
  return [
    ...fileTriggerSteps(installed.triggering, 'transfiletriggerun', { paths: lost }),
    ...removed
      .flatMap((source) => fileTriggerSteps([source], 'transfiletriggerun', { paths: all }))
      .map((step) => ({ ...step, mayFail: true })),
  ];
}

function transactionAdditions(state: TransactionState): ScriptStep[] {
  const { added, installed } = state.transaction;
  const gained = (prefixes: readonly string[]): string[] =>
    added.flatMap((source) => filesInReach(source, prefixes));
  return [
    ...fileTriggerSteps(installed.triggering, 'transfiletriggerin', { paths: gained }),
    ...fileTriggerSteps([...installed.triggering, ...added], 'transfiletriggerpostun', {
      paths: (prefixes) => state.allLost(prefixes),
    }).map((step) => ({ ...step, stdin: '' })),
    ...added.flatMap((source) =>
      fileTriggerSteps([source], 'transfiletriggerin', { paths: (prefixes) => state.files(prefixes) }),
    ),
  ];
}

/** Most packages set off no trigger: nothing is worked out for these. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

function own(source: ScriptSource, phase: ScriptPhase, argument: number): ScriptStep[] {
  return scriptsOf(source, phase).map((script) => ({
    script,
    args: [String(argument)],
    stdin: '',
    mayFail: phase.includes('un'),
  }));
}
