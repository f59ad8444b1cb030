/** Inputs out of inputs: what a damaged disk, a wrong file or a hostile hand would make of them. */
import type { Random } from './random.ts';

/** Bytes. Longer ones only take longer. */
const LONGEST = 4096;
/** Ends of ranges, signs, and what parsers look for. */
const ODD_BYTES = [
  0, 1, 2, 4, 7, 8, 9, 10, 13, 27, 32, 34, 35, 40, 41, 44, 45, 46, 47, 58, 59, 61, 91, 92, 93,
];
const HIGH_BYTES = [97, 123, 125, 126, 127, 128, 192, 194, 224, 237, 240, 244, 254, 255];

type Mutation = (input: readonly number[], random: Random, material: Material) => readonly number[];

export interface Material {
  /** Words of the format. */
  readonly words: readonly (readonly number[])[];
  readonly other: readonly number[];
}

/** One to eight changes. */
export function mutate(input: readonly number[], random: Random, material: Material): readonly number[] {
  let bytes = input;
  for (let left = 1 + random.below(1 + random.below(8)); left > 0; left--)
    bytes = random.pick(MUTATIONS)(bytes, random, material);
  return bytes.slice(0, LONGEST);
}

const MUTATIONS: readonly Mutation[] = [
  (input, random) => withByte(input, random, (byte) => byte ^ (1 << random.below(8))),
  (input, random) =>
    withByte(input, random, () => random.pick(random.below(2) === 0 ? ODD_BYTES : HIGH_BYTES)),
  (input, random) => withByte(input, random, (byte) => byte + 1 - 2 * random.below(2)),
  (input, random) => withByte(input, random, () => random.below(256)),
  (input, random, { words }) => inserted(input, random, random.pick(words)),
  (input, random, { words }) => inserted(input, random, random.pick(words)),
  (input, random) => inserted(input, random, [random.pick(ODD_BYTES)]),
  (input, random) => inserted(input, random, part(input, random)),
  (input, random, { other }) => inserted(input, random, part(other, random)),
  (input, random) => withoutPart(input, random),
  (input, random) => input.slice(0, random.below(input.length + 1)),
  (input, random, { other }) => [
    ...input.slice(0, random.below(input.length + 1)),
    ...other.slice(random.below(other.length + 1)),
  ],
  repeated,
];

function withByte(
  input: readonly number[],
  random: Random,
  change: (byte: number) => number,
): readonly number[] {
  const at = random.below(input.length);
  return input.map((byte, index) => (index === at ? change(byte) & 255 : byte));
}

function inserted(input: readonly number[], random: Random, what: readonly number[]): readonly number[] {
  const at = random.below(input.length + 1);
  return [...input.slice(0, at), ...what, ...input.slice(at)];
}

function part(input: readonly number[], random: Random): readonly number[] {
  const start = random.below(input.length + 1);
  return input.slice(start, start + 1 + random.below(32));
}

function withoutPart(input: readonly number[], random: Random): readonly number[] {
  const start = random.below(input.length + 1);
  return [...input.slice(0, start), ...input.slice(start + 1 + random.below(16))];
}

/** For what takes time that grows faster than its input. Rarely: these are the slow ones. */
function repeated(input: readonly number[], random: Random): readonly number[] {
  if (random.below(50) !== 0 || input.length === 0) return input;
  const one = part(input, random);
  const many: number[] = [];
  while (one.length > 0 && many.length < LONGEST) many.push(...one);
  return inserted(input, random, many);
}
