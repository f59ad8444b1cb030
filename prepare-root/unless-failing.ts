import { codeOf } from '#ostree/format/errors.ts';

/** `otherwise` where `action` fails as the system or the input may make it fail; an error of the program is thrown. */
export function unlessFailing<T>(otherwise: T, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return otherwise;
  }
}
