import { digest } from '#native/hash.ts';
import { parseRefName, type RefName } from '#ostree/format/ref-name.ts';
import { utf8Bytes } from '#ostree/format/utf8.ts';

/** Bytes of a ref's component; file systems allow 255. */
const LONGEST_COMPONENT = 200;
/** Hexadecimal digits of SHA-256 that end a component that was cut. */
const HASH_DIGITS = 32;

/** The ref that keeps a derived tree: `yum-ostree/` and the display name with every component quoted. */
export function treeRef(displayName: string): RefName {
  return parseRefName(['yum-ostree', ...displayName.split('/').map(refComponent)].join('/'));
}

/** A component quoted, and cut with a hash of the whole at its end where it is longer than 200 bytes. */
export function refComponent(text: string): string {
  const quoted = quoteRefComponent(text);
  if (quoted.length <= LONGEST_COMPONENT) return quoted;
  const hash = digest('sha256', quoted).slice(0, HASH_DIGITS);
  return `${quoted.slice(0, LONGEST_COMPONENT - HASH_DIGITS - 1)}-${hash}`;
}

/**
 * Quoting of package refs as rpm-ostree does it: `[A-Za-z0-9.-]` kept, `_` doubled, any other byte `_XX` in upper-case
 * hex. A `.` or `-` at the start, which no ref component may have, is written as its byte too.
 */
export function quoteRefComponent(text: string): string {
  let quoted = '';
  for (const byte of utf8Bytes(text)) {
    const c = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9]/.test(c) || (quoted !== '' && (c === '.' || c === '-'));
    quoted += plain ? c : c === '_' ? '__' : `_${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return quoted;
}

/** The text that a quoted component (not a cut one) spells; null where it is not one. */
export function unquoteRefComponent(quoted: string): string | null {
  const bytes: number[] = [];
  for (let i = 0; i < quoted.length; i++) {
    const c = quoted.charAt(i);
    if (c !== '_') bytes.push(quoted.charCodeAt(i));
    else if (quoted.charAt(i + 1) === '_') bytes.push(quoted.charCodeAt(i++));
    else {
      const hex = quoted.slice(i + 1, i + 3);
      if (!/^[0-9A-F]{2}$/.test(hex)) return null;
      bytes.push(parseInt(hex, 16));
      i += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
