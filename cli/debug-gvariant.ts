import type { CliContext } from '#cli/context.ts';
import { AT_FDCWD } from '#native/syscalls.ts';
import { during } from '#ostree/format/errors.ts';
import { parse } from '#ostree/format/gvariant.ts';
import { gvariantText } from '#ostree/format/gvariant-text.ts';

/** `debug gvariant TYPE FILE`: the value that a file holds, in GLib's text form. @throws UserError BAD_GVARIANT */
export function debugGvariant(type: string, file: string, context: Pick<CliContext, 'out' | 'sys'>): void {
  const bytes = context.sys.readFile(AT_FDCWD, file);
  const value = during(file, () => parse(type, bytes));
  context.out(`${gvariantText(type, value)}\n`);
}
