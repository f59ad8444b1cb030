/** Expansion of rpm's macros in scripts (`-e`): by the rpm of the composed tree, in the sandbox, with its macro files. */
import { MutableTree } from '#ostree/repo/mutable-tree.ts';
import type { PackageScript } from '#layering/scripts-plan.ts';

export const MACRO_PROGRAM = '/usr/bin/rpm';

/** The text where nothing but `%%` is to be expanded; null where it takes rpm. */
export function expandPercents(body: string): string | null {
  const rest = body.replaceAll('%%', '');
  return rest.includes('%') ? null : body.replaceAll('%%', '%');
}

/** What expands a script's body: it prints the outcome and a line feed. */
export function expansionOf(script: PackageScript): PackageScript {
  return { ...script, interpreter: [MACRO_PROGRAM, '--eval', script.body], body: '', expand: false };
}

/** Why a script's macros cannot be expanded in that tree, in one line (none or one). */
export function macroProblems(
  tree: MutableTree,
  { package: name, phase, body, expand }: PackageScript,
): string[] {
  if (!expand || expandPercents(body) !== null || tree.get(MACRO_PROGRAM.slice(1))?.kind === 'file')
    return [];
  return [
    `package ${name}: %${phase} has rpm macros (-e), and the tree has no ${MACRO_PROGRAM} to expand them`,
  ];
}
