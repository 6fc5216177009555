/**
 * The randomness the core is given. It has none of its own: a run is repeated by
 * handing every replica a generator in the same state (`lib/random/seeded.ts`).
 */
export interface Random {
  /** The next 32 uniform bits, as an integer in 0 … 2^32 - 1. */
  uint32(): number;
  /** An independent copy in the same state: what a fork of a simulation needs. */
  clone(): Random;
}

/** A uniform integer in 0 … bound - 1, without modulo bias. `bound` is an integer in 1 … 2^32. */
export function below(random: Random, bound: number): number {
  const limit = 2 ** 32 - (2 ** 32 % bound);
  let drawn = random.uint32();
  while (drawn >= limit) drawn = random.uint32();
  return drawn % bound;
}

/** A uniform element of a list that is not empty. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined) throw new Error("Cannot pick from a list without elements");
  return item;
}

/** The list in a uniformly random order (Fisher and Yates), as a new array. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = below(random, last + 1);
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}
