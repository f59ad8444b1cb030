/** A package as the planning of scripts sees it. */
import type { Evr } from '#layering/evr.ts';
import { filePaths } from '#layering/rpm-file-list.ts';
import { nevraOf } from '#layering/rpm-file.ts';
import type { RpmHeader } from '#layering/rpm-header.ts';
import { readScripts, readTriggers, type RpmScript, type RpmTrigger } from '#layering/rpm-scripts.ts';

export interface ScriptSource {
  readonly name: string;
  readonly evr: Evr;
  readonly scripts: readonly RpmScript[];
  readonly triggers: readonly RpmTrigger[];
  /** What query formats are answered from. */
  readonly header: RpmHeader;
  /** All paths of the package, as its header spells them and in its order. */
  files(): readonly string[];
}

/** @throws UserError BAD_RPM_HEADER */
export function scriptSource(name: string, header: RpmHeader): ScriptSource {
  let files: readonly string[] | null = null;
  return {
    name,
    evr: nevraOf(header),
    scripts: readScripts(header),
    triggers: readTriggers(header),
    header,
    files: () => (files ??= filePaths(header)),
  };
}
