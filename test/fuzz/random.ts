/** Random numbers that a seed decides (sfc32): the same in every engine and on every machine. */
export interface Random {
  /** From 0 to `below` - 1. */
  readonly below: (below: number) => number;
  /** One of a list that is not empty. */
  readonly pick: <T>(list: readonly T[]) => T;
}

export function seededRandom(seed: number): Random {
  let [a, b, c, counter] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, seed >>> 0];
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return result >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  const below = (limit: number): number => next() % Math.max(limit, 1);
  return { below, pick: (list) => list[below(list.length)] as (typeof list)[number] };
}
