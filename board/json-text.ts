/** JSON without the engine's own, which the compact executables leave out. */
export type JsonValue =
  string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** As `JSON.stringify(value, null, 2)`. */
export function jsonText(value: JsonValue, indent = ''): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return String(value);
  const inner = `${indent}  `;
  const [open, close, parts] = isList(value)
    ? ['[', ']', value.map((one) => inner + jsonText(one, inner))]
    : [
        '{',
        '}',
        Object.entries(value).map(([key, one]) => `${inner}${quoted(key)}: ${jsonText(one, inner)}`),
      ];
  return parts.length === 0 ? open + close : `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quoted(text: string): string {
  return `"${[...text].map(escaped).join('')}"`;
}

function escaped(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  const code = character.charCodeAt(0);
  const isHalf = character.length === 1 && code >= 0xd800 && code <= 0xdfff;
  return code < 0x20 || isHalf ? `\\u${code.toString(16).padStart(4, '0')}` : character;
}
