import { UserError } from '#ostree/format/errors.ts';

/** A ref's name without a remote: components `[\w\d][-._\w\d]*` joined by `/`. */
export type RefName = string & { readonly __brand: 'RefName' };

export interface Refspec {
  readonly remote: string | null;
  readonly ref: RefName;
}

/** @throws UserError BAD_REF_NAME */
export function parseRefName(text: string): RefName {
  if (!isRefName(text))
    throw new UserError('BAD_REF_NAME', `Invalid ref: '${text}' is not a valid ref name`, {
      hint: 'components hold letters, digits, _, - and . (not first), joined by /',
    });
  return text;
}

export function isRefName(text: string): text is RefName {
  return text.length <= 4096 && text.split('/').every(isComponent);
}

/** `[remote:]ref`. @throws UserError BAD_REF_NAME */
export function parseRefspec(text: string): Refspec {
  const colon = text.indexOf(':');
  if (colon < 0) return { remote: null, ref: parseRefName(text) };
  const remote = text.slice(0, colon);
  if (!isComponent(remote)) throw new UserError('BAD_REF_NAME', `'${text}' names a malformed remote`);
  return { remote, ref: parseRefName(text.slice(colon + 1)) };
}

export function formatRefspec(refspec: Refspec): string {
  return refspec.remote === null ? refspec.ref : `${refspec.remote}:${refspec.ref}`;
}

function isComponent(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (!isWord(c) && (i === 0 || (c !== '-' && c !== '.'))) return false;
  }
  return true;
}

function isWord(c: string): boolean {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c === '_';
}
