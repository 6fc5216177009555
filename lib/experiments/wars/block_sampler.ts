/**
 * Draws latencies by the thousand, from the same distributions as `lib/random`. It inverts the
 * distribution function at given random words, in tight loops over typed arrays. A word's rank in
 * its range is the latency's rank in its distribution. So evenly spread words (`strata.ts`) give
 * evenly spread latencies.
 *
 * PBS fits exponentials, Pareto tails and mixtures of the two. These need a logarithm or a power,
 * which takes 15 to 30 ns. A word is u = f · 2^-(e + 1) with f from 1 to 2, so
 *
 *     -ln u = (e + 1) ln 2 - ln f        u^(-1/α) = 2^((e + 1)/α) · f^(-1/α)
 *
 * A table for e and a table of parabolas for f give the value to one in ten million, in 2 to 5 ns.
 */
import { type Distribution, distributionOf, type Shape } from "../../random/distribution.ts";
import type { RandomWords } from "./random_words.ts";

/**
 * Fills `out` with a latency, ms, for each given word. `more` serves draws that need several words.
 */
export type Fill = (out: Float64Array, given: Int32Array, more: RandomWords) => void;

const WORDS = 2 ** 32;

/** Compiles a distribution. */
export function blockSampler(distribution: Distribution): Fill {
  const { shape } = distribution;
  const terms = flattened(shape, 1).filter(({ weight }) => weight > 0);
  const [only] = terms;
  const tails = terms.map(({ shape }) => tailOf(shape));
  if (tails.every((tail) => tail !== null)) {
    return terms.length === 1 ? tailFill(tails[0] as Tail) : tailsFill(cutsOf(terms), tails);
  }
  const inverses = terms.map(({ shape }) => inverseOf(shape));
  if (inverses.every((inverse) => inverse !== null)) {
    return terms.length === 1 && only !== undefined
      ? inverseFill(inverses[0] as Inverse)
      : inversesFill(cutsOf(terms), inverses);
  }
  // The normal distribution has no simple inverse. It is drawn as in `lib/random`, also in a
  // mixture.
  const plain = distributionOf(shape);
  return (out, _, more) => {
    for (let i = 0; i < out.length; i++) out[i] = plain.sample(more);
  };
}

/** A mixture of mixtures as one mixture. */
function flattened(shape: Shape, weight: number): { weight: number; shape: Shape }[] {
  if (shape.kind !== "mix") return [{ weight, shape }];
  return shape.terms.flatMap((term) => flattened(term.shape, weight * term.weight));
}

// Choosing a term -----------------------------------------------------------------------------------

/** Which words select which term, and how to scale the rest of a word to a full word again. */
interface Cuts {
  /** A half word of upTo[i] or more selects a term after i. */
  readonly upTo: Int32Array;
  readonly from: Float64Array;
  readonly scale: Float64Array;
}

function cutsOf(terms: readonly { readonly weight: number }[]): Cuts {
  const total = terms.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  const ends = terms.map(({ weight }) => Math.round((sum += weight) / total * WORDS / 2));
  const from = Float64Array.from(ends, (_, i) => 2 * (ends[i - 1] ?? 0));
  return {
    upTo: Int32Array.from(ends.slice(0, -1), (end) => Math.min(end, WORDS / 2 - 1)),
    from,
    scale: Float64Array.from(ends, (end, i) => WORDS / (2 * end - (from[i] as number))),
  };
}

/** Has no branch, which would cost more than all the arithmetic. */
function termOf(word: number, upTo: Int32Array): number {
  const half = word >>> 1;
  let term = 0;
  for (let i = 0; i < upTo.length; i++) term += ((upTo[i] as number) - 1 - half) >>> 31;
  return term;
}

// Exponentials and Pareto tails -----------------------------------------------------------------------

const CELL_BITS = 6;
const CELLS = 1 << CELL_BITS;
const REST_BITS = 31 - CELL_BITS;
const REST = (1 << REST_BITS) - 1;
const EXPONENTS = 32;

/** The value at u is add[e] + times[e] · parabola(f). */
interface Tail {
  readonly add: Float64Array;
  readonly times: Float64Array;
  /** Four numbers for each cell, of which the last is unused. */
  readonly parabolas: Float64Array;
}

function tailOf(shape: Shape): Tail | null {
  switch (shape.kind) {
    case "exp": {
      const mean = 1 / shape.rate;
      return tail((e) => (e + 1) * Math.LN2 * mean, () => mean, (f) => -Math.log(f));
    }
    case "pareto": {
      const { xm, alpha } = shape;
      return tail(() => 0, (e) => xm * 2 ** ((e + 1) / alpha), (f) => f ** (-1 / alpha));
    }
    default:
      return null;
  }
}

function tail(
  add: (e: number) => number,
  times: (e: number) => number,
  of: (f: number) => number,
): Tail {
  const parabolas = new Float64Array(4 * CELLS);
  for (let cell = 0; cell < CELLS; cell++) {
    const [from, middle, to] = [0, 0.5, 1].map((part) => of(1 + (cell + part) / CELLS));
    const bend = 2 * ((from as number) - 2 * (middle as number) + (to as number));
    parabolas[4 * cell] = from as number;
    parabolas[4 * cell + 1] = ((to as number) - (from as number) - bend) / 2 ** REST_BITS;
    parabolas[4 * cell + 2] = bend / 4 ** REST_BITS;
  }
  const exponents = Array.from({ length: EXPONENTS }, (_, e) => e);
  return {
    add: Float64Array.from(exponents, add),
    times: Float64Array.from(exponents, times),
    parabolas,
  };
}

function tailFill({ add, times, parabolas }: Tail): Fill {
  return (out, given) => {
    for (let i = 0; i < out.length; i++) {
      out[i] = pointOf(given[i] as number, 0, add, times, parabolas);
    }
  };
}

function tailsFill({ upTo, from, scale }: Cuts, tails: readonly Tail[]): Fill {
  // All tables in one array, so that a term is an index.
  const add = Float64Array.from(tails.flatMap((tail) => [...tail.add]));
  const times = Float64Array.from(tails.flatMap((tail) => [...tail.times]));
  const parabolas = Float64Array.from(tails.flatMap((tail) => [...tail.parabolas]));
  return (out, given) => {
    for (let i = 0; i < out.length; i++) {
      const word = given[i] as number;
      const term = termOf(word, upTo);
      const rest = ((word >>> 0) - (from[term] as number)) * (scale[term] as number);
      out[i] = pointOf(rest >>> 0, term, add, times, parabolas);
    }
  };
}

function pointOf(
  given: number,
  term: number,
  add: Float64Array,
  times: Float64Array,
  parabolas: Float64Array,
): number {
  // The word must not be 0, which has no logarithm.
  const word = given | 1;
  const e = Math.clz32(word);
  const fraction = word << e;
  const cell = (term << CELL_BITS | fraction >>> REST_BITS & CELLS - 1) << 2;
  const rest = fraction & REST;
  const curve = (parabolas[cell] as number) +
    rest * ((parabolas[cell + 1] as number) + rest * (parabolas[cell + 2] as number));
  const exponent = term * EXPONENTS + e;
  return (add[exponent] as number) + (times[exponent] as number) * curve;
}

// Other distributions that can be inverted ----------------------------------------------------------

/** The value at u, with u from 0 to below 1. */
type Inverse = (u: number) => number;

function inverseOf(shape: Shape): Inverse | null {
  switch (shape.kind) {
    case "constant":
      return () => shape.ms;
    case "uniform":
      return (u) => shape.low + (shape.high - shape.low) * u;
    case "exp":
      return (u) => -Math.log(1 - u) / shape.rate;
    case "pareto":
      return (u) => shape.xm * (1 - u) ** (-1 / shape.alpha);
    case "empirical": {
      const sorted = shape.samples.toSorted();
      return (u) => sorted[Math.floor(u * sorted.length)] as number;
    }
    case "normal":
    case "mix":
      return null;
  }
}

function inverseFill(inverse: Inverse): Fill {
  return (out, given) => {
    for (let i = 0; i < out.length; i++) out[i] = inverse(((given[i] as number) >>> 0) / WORDS);
  };
}

function inversesFill({ upTo, from, scale }: Cuts, inverses: readonly Inverse[]): Fill {
  return (out, given) => {
    for (let i = 0; i < out.length; i++) {
      const word = given[i] as number;
      const term = termOf(word, upTo);
      const rest = ((word >>> 0) - (from[term] as number)) * (scale[term] as number);
      out[i] = (inverses[term] as Inverse)(Math.min(rest / WORDS, BELOW_ONE));
    }
  };
}

const BELOW_ONE = 1 - 2 ** -32;
