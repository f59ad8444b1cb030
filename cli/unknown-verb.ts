import { UserError } from '#ostree/format/errors.ts';

/** The error for a verb that ostree(1) may have and we have not. @param prefix what stands before it, with a space */
export function unknownVerb(prefix: string, word: string): UserError {
  const hint = `'ostree ${prefix}--help' lists the commands`;
  return new UserError('UNKNOWN_VERB', `Unknown command '${prefix}${word}'`, { hint });
}
