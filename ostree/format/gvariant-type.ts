import { UserError } from '#ostree/format/errors.ts';

/** A parsed GVariant type; `alignment` and `fixedSize` (bytes; 0 for variable) as the GVariant specification, 2.2. */
export interface GType {
  readonly kind: 'basic' | 'string' | 'variant' | 'array' | 'maybe' | 'tuple';
  /** The type string, e.g. `a{sv}`. */
  readonly text: string;
  readonly alignment: number;
  readonly fixedSize: number;
  /** The element of an array or maybe, the members of a tuple or dictionary entry. */
  readonly members: readonly GType[];
}

const BASIC_SIZE: Readonly<Record<string, number>> = {
  b: 1,
  y: 1,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  h: 4,
  x: 8,
  t: 8,
  d: 8,
};
const MAX_DEPTH = 64;

const cache = new Map<string, GType>();

/** The type that `text` spells (one complete type). @throws UserError BAD_GVARIANT */
export function parseType(text: string): GType {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const [type, end] = parseAt(text, 0, 0);
  if (end !== text.length) throw badType(text);
  cache.set(text, type);
  return type;
}

function parseAt(text: string, at: number, depth: number): [GType, number] {
  if (depth > MAX_DEPTH) throw badType(text);
  const letter = text.charAt(at);
  const size = BASIC_SIZE[letter];
  if (size !== undefined) return [leaf('basic', letter, size, size), at + 1];
  if (letter === 's' || letter === 'o' || letter === 'g') return [leaf('string', letter, 1, 0), at + 1];
  if (letter === 'v') return [leaf('variant', letter, 8, 0), at + 1];
  if (letter === 'a' || letter === 'm') return parseContainer(text, at, depth);
  if (letter === '(' || letter === '{') return parseTuple(text, at, depth);
  throw badType(text);
}

function leaf(kind: GType['kind'], text: string, alignment: number, fixedSize: number): GType {
  return { kind, text, alignment, fixedSize, members: [] };
}

function parseContainer(text: string, at: number, depth: number): [GType, number] {
  const [element, end] = parseAt(text, at + 1, depth + 1);
  const kind = text.charAt(at) === 'a' ? 'array' : 'maybe';
  return [
    { kind, text: text.slice(at, end), alignment: element.alignment, fixedSize: 0, members: [element] },
    end,
  ];
}

function parseTuple(text: string, at: number, depth: number): [GType, number] {
  const close = text.charAt(at) === '(' ? ')' : '}';
  const members: GType[] = [];
  let end = at + 1;
  while (text.charAt(end) !== close) {
    const [member, next] = parseAt(text, end, depth + 1);
    members.push(member);
    end = next;
  }
  if (close === '}' && members.length !== 2) throw badType(text);
  end++;
  const alignment = Math.max(1, ...members.map((member) => member.alignment));
  return [
    {
      kind: 'tuple',
      text: text.slice(at, end),
      alignment,
      fixedSize: tupleSize(members, alignment),
      members,
    },
    end,
  ];
}

function tupleSize(members: readonly GType[], alignment: number): number {
  if (members.length === 0) return 1;
  let size = 0;
  for (const member of members) {
    if (member.fixedSize === 0) return 0;
    size = alignUp(size, member.alignment) + member.fixedSize;
  }
  return alignUp(size, alignment);
}

/** `offset` rounded up to a multiple of `alignment` (a power of two). */
export function alignUp(offset: number, alignment: number): number {
  return (offset + alignment - 1) & -alignment;
}

function badType(text: string): UserError {
  return new UserError('BAD_GVARIANT', `'${text}' is not a GVariant type`);
}
