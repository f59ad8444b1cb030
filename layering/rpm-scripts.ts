/** The scripts and triggers of a package. */
import {
  badHeader,
  getNumber,
  getNumbers,
  getString,
  getStrings,
  type RpmHeader,
} from '#layering/rpm-header.ts';
import { TAG } from '#layering/rpm-tags.ts';

export type ScriptKind =
  | 'pretrans'
  | 'pre'
  | 'post'
  | 'preun'
  | 'postun'
  | 'posttrans'
  | 'preuntrans'
  | 'postuntrans'
  | 'verifyscript';

export interface RpmScript {
  readonly kind: ScriptKind;
  /** The interpreter with its arguments; `<lua>` is rpm's own. */
  readonly program: readonly string[];
  /** null where the program runs without a script (`%post -p /sbin/ldconfig`). */
  readonly body: string | null;
  readonly flags: ScriptFlags;
}

export interface ScriptFlags {
  /** Macros are expanded at the time of running. */
  readonly expand: boolean;
  /** Header queries (`%{NAME}`) are expanded at the time of running. */
  readonly queryFormat: boolean;
}

export type TriggerKind = 'package' | 'file' | 'transaction-file';

export interface RpmTrigger {
  readonly kind: TriggerKind;
  readonly program: readonly string[];
  readonly body: string | null;
  readonly scriptFlags: ScriptFlags;
  /** Package names, or prefixes of paths; each with its bits of `SENSE` (TRIGGERIN, TRIGGERUN, …) and version. */
  readonly conditions: readonly {
    readonly name: string;
    readonly flags: number;
    readonly version: string;
  }[];
  /** Higher runs first; 1000000 where none is given. Package triggers have none. */
  readonly priority: number;
}

const SCRIPTS: readonly (readonly [ScriptKind, body: number, program: number, flags: number])[] = [
  ['pretrans', TAG.PRETRANS, TAG.PRETRANSPROG, TAG.PRETRANSFLAGS],
  ['pre', TAG.PREIN, TAG.PREINPROG, TAG.PREINFLAGS],
  ['post', TAG.POSTIN, TAG.POSTINPROG, TAG.POSTINFLAGS],
  ['preun', TAG.PREUN, TAG.PREUNPROG, TAG.PREUNFLAGS],
  ['postun', TAG.POSTUN, TAG.POSTUNPROG, TAG.POSTUNFLAGS],
  ['posttrans', TAG.POSTTRANS, TAG.POSTTRANSPROG, TAG.POSTTRANSFLAGS],
  ['preuntrans', TAG.PREUNTRANS, TAG.PREUNTRANSPROG, TAG.PREUNTRANSFLAGS],
  ['postuntrans', TAG.POSTUNTRANS, TAG.POSTUNTRANSPROG, TAG.POSTUNTRANSFLAGS],
  ['verifyscript', TAG.VERIFYSCRIPT, TAG.VERIFYSCRIPTPROG, TAG.VERIFYSCRIPTFLAGS],
];

const DEFAULT_PRIORITY = 1_000_000;

/** The scripts that the header has, in the order in which they would run. */
export function readScripts(header: RpmHeader): RpmScript[] {
  return SCRIPTS.flatMap(([kind, bodyTag, programTag, flagsTag]) => {
    const body = getString(header, bodyTag);
    const program = getStrings(header, programTag);
    if (body === null && program.length === 0) return [];
    const flags = scriptFlags(getNumber(header, flagsTag) ?? 0);
    return [{ kind, program: program.length === 0 ? ['/bin/sh'] : program, body, flags }];
  });
}

interface TriggerTags {
  readonly kind: TriggerKind;
  readonly scripts: number;
  readonly programs: number;
  readonly scriptFlags: number;
  readonly names: number;
  readonly versions: number;
  readonly flags: number;
  readonly indexes: number;
  readonly priorities: number | null;
}

const TRIGGERS: readonly TriggerTags[] = [
  {
    kind: 'package',
    scripts: TAG.TRIGGERSCRIPTS,
    programs: TAG.TRIGGERSCRIPTPROG,
    scriptFlags: TAG.TRIGGERSCRIPTFLAGS,
    names: TAG.TRIGGERNAME,
    versions: TAG.TRIGGERVERSION,
    flags: TAG.TRIGGERFLAGS,
    indexes: TAG.TRIGGERINDEX,
    priorities: null,
  },
  {
    kind: 'file',
    scripts: TAG.FILETRIGGERSCRIPTS,
    programs: TAG.FILETRIGGERSCRIPTPROG,
    scriptFlags: TAG.FILETRIGGERSCRIPTFLAGS,
    names: TAG.FILETRIGGERNAME,
    versions: TAG.FILETRIGGERVERSION,
    flags: TAG.FILETRIGGERFLAGS,
    indexes: TAG.FILETRIGGERINDEX,
    priorities: TAG.FILETRIGGERPRIORITIES,
  },
  {
    kind: 'transaction-file',
    scripts: TAG.TRANSFILETRIGGERSCRIPTS,
    programs: TAG.TRANSFILETRIGGERSCRIPTPROG,
    scriptFlags: TAG.TRANSFILETRIGGERSCRIPTFLAGS,
    names: TAG.TRANSFILETRIGGERNAME,
    versions: TAG.TRANSFILETRIGGERVERSION,
    flags: TAG.TRANSFILETRIGGERFLAGS,
    indexes: TAG.TRANSFILETRIGGERINDEX,
    priorities: TAG.TRANSFILETRIGGERPRIORITIES,
  },
];

/** All triggers that the header has. @throws UserError BAD_RPM_HEADER where their lists do not fit together */
export function readTriggers(header: RpmHeader): RpmTrigger[] {
  return TRIGGERS.flatMap((tags) => triggersOf(header, tags));
}

function triggersOf(header: RpmHeader, tags: TriggerTags): RpmTrigger[] {
  const names = getStrings(header, tags.names);
  if (names.length === 0) return [];
  const indexes = getNumbers(header, tags.indexes);
  const [versions, flags] = [getStrings(header, tags.versions), getNumbers(header, tags.flags)];
  const scripts = getStrings(header, tags.scripts);
  const programs = getStrings(header, tags.programs);
  const scriptBits = getNumbers(header, tags.scriptFlags);
  const priorities = tags.priorities === null ? [] : getNumbers(header, tags.priorities);
  const count = Math.max(scripts.length, programs.length);
  if (indexes.length !== names.length || indexes.some((index) => index >= count))
    throw badHeader(header.where, 'its triggers do not fit their scripts');
  return Array.from({ length: count }, (_, script) => ({
    kind: tags.kind,
    program: [programs[script] ?? '/bin/sh'],
    body: scripts[script] ?? null,
    scriptFlags: scriptFlags(scriptBits[script] ?? 0),
    conditions: names.flatMap((name, i) =>
      indexes[i] === script ? [{ name, flags: flags[i] ?? 0, version: versions[i] ?? '' }] : [],
    ),
    priority: priorities[script] ?? DEFAULT_PRIORITY,
  }));
}

function scriptFlags(bits: number): ScriptFlags {
  return { expand: (bits & 1) !== 0, queryFormat: (bits & 2) !== 0 };
}
