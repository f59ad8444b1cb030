/** The query formats that packages use in their scripts (`-q`): `%{TAG}`, `%%` and C escapes (rpm-queryformat(7)). */
import { getNumbers, getStrings, type RpmHeader } from '#layering/rpm-header.ts';
import { TAG, TYPE } from '#layering/rpm-tags.ts';

export type QueryAnswer =
  | { readonly kind: 'text'; readonly text: string }
  /** `what` is the part of the format that is not known here. */
  | { readonly kind: 'unsupported'; readonly what: string };

const PIECE = /%%|%\{([^{}]*)\}|%|\[|\]|\\(.)|[^%[\]\\]+|\\/gs;
const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Single values only: what iterates (`[…]`), chooses (`%|…|`) or formats (`%{X:hex}`, `%10{X}`) is unsupported. */
export function expandQueryFormat(header: RpmHeader, format: string): QueryAnswer {
  let text = '';
  for (const [piece, tag, escape] of format.matchAll(PIECE)) {
    const value =
      piece === '%%'
        ? '%'
        : tag !== undefined
          ? valueOf(header, tag)
          : escape !== undefined
            ? (ESCAPES[escape] ?? escape)
            : '%[]'.includes(piece)
              ? null
              : piece;
    if (value === null) return { kind: 'unsupported', what: piece };
    text += value;
  }
  return { kind: 'text', text };
}

/** As rpm prints it; null where the tag is not known. */
function valueOf(header: RpmHeader, word: string): string | null {
  const name = word.toUpperCase().replace(/^RPMTAG_/, '');
  const evr = (): string => `${first(header, TAG.VERSION)}-${first(header, TAG.RELEASE)}`;
  const epoch = (): string => (header.entries.has(TAG.EPOCH) ? `${first(header, TAG.EPOCH)}:` : '');
  if (name === 'EVR') return epoch() + evr();
  if (name === 'NVR') return `${first(header, TAG.NAME)}-${evr()}`;
  if (name === 'NVRA') return `${first(header, TAG.NAME)}-${evr()}.${first(header, TAG.ARCH)}`;
  if (name === 'NEVRA') return `${first(header, TAG.NAME)}-${epoch()}${evr()}.${first(header, TAG.ARCH)}`;
  const tag = Object.entries(TAG).find(([known]) => known === name)?.[1];
  return tag === undefined ? null : first(header, tag);
}

function first(header: RpmHeader, tag: number): string {
  const type = header.entries.get(tag)?.type;
  if (type === undefined) return '(none)';
  if (type <= TYPE.INT64) return String(getNumbers(header, tag)[0]);
  if (type === TYPE.BIN) return '(not a value)';
  return getStrings(header, tag)[0] ?? '';
}
