/** Which triggers a package sets off, and what they get. Pure. */
import { compareEvr, parseEvr, type Evr } from '#layering/evr.ts';
import type { RpmTrigger, TriggerKind } from '#layering/rpm-scripts.ts';
import { SENSE } from '#layering/rpm-tags.ts';
import { EARLY_PRIORITY, type ScriptStep } from '#layering/scripts-order.ts';
import { triggerScripts, type ScriptSource, type TriggerPhase } from '#layering/scripts-plan.ts';

/** A package that comes or goes, and how many of it there are then. */
export interface Occasion {
  readonly state: {
    /** Installed packages that may have triggers. */
    readonly present: readonly ScriptSource[];
    versions(name: string): readonly Evr[];
    count(name: string): number;
  };
  readonly phase: TriggerPhase;
  readonly source: ScriptSource;
  /** How many there are of the package, as its own triggers are told. */
  readonly own: number;
  /** The same, as those of others are told. */
  readonly other: number;
}

const SENSES: Readonly<Record<TriggerPhase, number>> = {
  triggerprein: SENSE.TRIGGERPREIN,
  triggerin: SENSE.TRIGGERIN,
  triggerun: SENSE.TRIGGERUN,
  triggerpostun: SENSE.TRIGGERPOSTUN,
  filetriggerin: SENSE.TRIGGERIN,
  filetriggerun: SENSE.TRIGGERUN,
  filetriggerpostun: SENSE.TRIGGERPOSTUN,
  transfiletriggerin: SENSE.TRIGGERIN,
  transfiletriggerun: SENSE.TRIGGERUN,
  transfiletriggerpostun: SENSE.TRIGGERPOSTUN,
};

/** Triggers of installed packages that the package sets off: at most one script of each. */
export function installedTriggerSteps({ state, phase, source, other }: Occasion): ScriptStep[] {
  return state.present.flatMap((owner) => {
    const trigger = triggersOf(owner, 'package').find((one) =>
      one.conditions.some(
        (condition) => condition.name === source.name && meets(condition, phase, source.evr),
      ),
    );
    return trigger === undefined ? [] : steps(owner, phase, trigger, [state.count(owner.name), other]);
  });
}

/** Triggers of the package itself that what is installed sets off: each script once. */
export function ownTriggerSteps({ state, phase, source, own }: Occasion): ScriptStep[] {
  return triggersOf(source, 'package').flatMap((trigger) => {
    const met = trigger.conditions.find((condition) =>
      state.versions(condition.name).some((evr) => meets(condition, phase, evr)),
    );
    return met === undefined ? [] : steps(source, phase, trigger, [own, state.count(met.name)]);
  });
}

/**
 * File triggers of `owners` that paths set off, those of higher priority first. `paths` are asked for with the
 * trigger's prefixes and may hold others. `early` chooses those above, or below, the priority of a package's own scripts.
 */
export function fileTriggerSteps(
  owners: readonly ScriptSource[],
  phase: TriggerPhase,
  choice: {
    readonly early?: boolean;
    readonly paths: (prefixes: readonly string[]) => readonly string[];
  },
): ScriptStep[] {
  const kind = phase.startsWith('trans') ? 'transaction-file' : 'file';
  return owners
    .flatMap((owner) => triggersOf(owner, kind).map((trigger) => ({ owner, trigger })))
    .filter(({ trigger: { priority } }) =>
      choice.early === undefined ? true : priority >= EARLY_PRIORITY === choice.early,
    )
    .sort((a, b) => b.trigger.priority - a.trigger.priority)
    .flatMap(({ owner, trigger }) => {
      const prefixes = trigger.conditions.flatMap(({ name, flags }) =>
        (flags & SENSES[phase]) === 0 ? [] : [name],
      );
      if (prefixes.length === 0) return [];
      const paths = choice
        .paths(prefixes)
        .filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));
      if (paths.length === 0) return [];
      const stdin = paths.map((path) => `${path}\n`).join('');
      // rpm gives these the number 0, whatever is installed.
      return steps(owner, phase, trigger, [0]).map((step) => ({ ...step, stdin }));
    });
}

/**
 * Files of a package that transaction file triggers, and file triggers that look at all packages, are told of: rpm finds
 * the package by the directories its files lie in, so that a directory alone, or a file whose name begins so, is none.
 */
export function filesInReach(source: Pick<ScriptSource, 'files'>, prefixes: readonly string[]): string[] {
  const paths = source.files().filter((path) => prefixes.some((prefix) => path.startsWith(prefix)));
  const reached = prefixes.filter((prefix) =>
    paths.some((path) => path.slice(0, path.lastIndexOf('/') + 1).startsWith(prefix)),
  );
  return paths.filter((path) => reached.some((prefix) => path.startsWith(prefix)));
}

function triggersOf(owner: ScriptSource, kind: TriggerKind): RpmTrigger[] {
  return owner.triggers.filter((trigger) => trigger.kind === kind);
}

function steps(
  owner: ScriptSource,
  phase: TriggerPhase,
  trigger: RpmTrigger,
  numbers: readonly number[],
): ScriptStep[] {
  return triggerScripts(owner, phase, trigger).map((script) => ({
    script,
    args: numbers.map(String),
    stdin: '',
    mayFail: false,
  }));
}

/** Whether a version is one that the trigger's condition names; no version means any. */
function meets(
  { flags, version }: { readonly flags: number; readonly version: string },
  phase: TriggerPhase,
  evr: Evr,
): boolean {
  if ((flags & SENSES[phase]) === 0) return false;
  if (version === '' || (flags & (SENSE.LESS | SENSE.GREATER | SENSE.EQUAL)) === 0) return true;
  const order = compareEvr(evr, parseEvr(version));
  if (order < 0) return (flags & SENSE.LESS) !== 0;
  return (flags & (order > 0 ? SENSE.GREATER : SENSE.EQUAL)) !== 0;
}
