/**
 * Latencies by the thousand: the same distributions as `lib/random`, drawn in tight loops over typed
 * arrays. Exponentials, Pareto tails and mixtures of the two, which is what PBS fits, go through
 * ziggurats; other families through their own `sample`.
 */
import { type Distribution, distributionOf, type Shape } from "../random/distribution.ts";
import type { RandomWords } from "./random_words.ts";
import {
  decide,
  exponentialDensity,
  LAYERS,
  paretoDensity,
  type Ziggurat,
  zigguratOf,
} from "./ziggurat.ts";

/** Fills `out` with independent latencies, ms. */
export type Fill = (out: Float64Array, words: RandomWords) => void;

/** Compiles a distribution. */
export function blockSampler(distribution: Distribution): Fill {
  const { shape } = distribution;
  switch (shape.kind) {
    case "constant":
      return (out) => void out.fill(shape.ms);
    case "uniform":
      return uniformFill(shape.low, shape.high);
    default:
      break;
  }
  const terms = flattened(shape, 1).filter(({ weight }) => weight > 0);
  const falling = terms.map(({ weight, shape }) => ({ weight, part: fallingPart(shape) }));
  if (falling.every(isFalling)) {
    return falling.length === 1
      ? singleFill(falling[0]?.part as FallingPart)
      : mixtureFill(falling);
  }
  const plain = distributionOf(shape);
  return (out, words) => {
    for (let i = 0; i < out.length; i++) out[i] = plain.sample(words);
  };
}

interface FallingPart {
  /** Where the density begins. */
  readonly offset: number;
  readonly ziggurat: Ziggurat;
}

interface FallingTerm {
  readonly weight: number;
  readonly part: FallingPart;
}

function isFalling(term: { weight: number; part: FallingPart | null }): term is FallingTerm {
  return term.part !== null;
}

/** Mixtures of mixtures are mixtures. */
function flattened(shape: Shape, weight: number): { weight: number; shape: Shape }[] {
  if (shape.kind !== "mix") return [{ weight, shape }];
  return shape.terms.flatMap((term) => flattened(term.shape, weight * term.weight));
}

function fallingPart(shape: Shape): FallingPart | null {
  switch (shape.kind) {
    case "exp":
      return { offset: 0, ziggurat: zigguratOf(exponentialDensity(shape.rate)) };
    case "pareto":
      return { offset: shape.xm, ziggurat: zigguratOf(paretoDensity(shape.xm, shape.alpha)) };
    default:
      return null;
  }
}

function uniformFill(low: number, high: number): Fill {
  const scale = (high - low) / 2 ** 32;
  return (out, words) => {
    for (let i = 0; i < out.length; i++) out[i] = low + scale * words.uint32();
  };
}

/**
 * Falling densities. Two sweeps: the first takes every point as it falls and lists, without a branch, the
 * few that are not surely under the density; the second decides those. A branch in the first would cost
 * more than all its arithmetic.
 */
function singleFill({ offset, ziggurat }: FallingPart): Fill {
  let drawn = new Int32Array(0);
  let unsure = new Int32Array(0);
  return (out, words) => {
    if (drawn.length !== out.length) {
      drawn = new Int32Array(out.length);
      unsure = new Int32Array(out.length);
    }
    words.fill(drawn);
    const count = sweepOne(drawn, out, unsure, offset, ziggurat);
    for (let i = 0; i < count; i++) {
      const at = unsure[i] as number;
      out[at] = offset + decided(ziggurat, drawn[at] as number, words);
    }
  };
}

function sweepOne(
  drawn: Int32Array,
  out: Float64Array,
  unsure: Int32Array,
  offset: number,
  { step, sure }: Ziggurat,
): number {
  let count = 0;
  for (let i = 0; i < out.length; i++) {
    const word = drawn[i] as number;
    const layer = word & (LAYERS - 1);
    const point = word >>> 8;
    out[i] = offset + point * (step[layer] as number);
    unsure[count] = i;
    count += reaches(point, sure[layer] as number);
  }
  return count;
}

interface MixtureTables {
  /** The terms' ziggurats end to end, so that a term is an index. */
  readonly step: Float64Array;
  readonly sure: Int32Array;
  readonly offsets: Float64Array;
  /** 24-bit numbers from upTo[i] on choose a term after i: weights are good to 1 in 16 million. */
  readonly upTo: Int32Array;
}

/** Several: every other word says whose turn it is. */
function mixtureFill(terms: readonly FallingTerm[]): Fill {
  const tables = tablesOf(terms);
  let drawn = new Int32Array(0);
  let unsure = new Int32Array(0);
  return (out, words) => {
    if (unsure.length !== out.length) {
      drawn = new Int32Array(2 * out.length);
      unsure = new Int32Array(out.length);
    }
    words.fill(drawn);
    const count = sweepMixture(drawn, out, unsure, tables);
    for (let i = 0; i < count; i++) {
      const at = unsure[i] as number;
      const term = termOf(drawn[2 * at] as number, tables.upTo);
      const { offset, ziggurat } = (terms[term] as FallingTerm).part;
      out[at] = offset + decided(ziggurat, drawn[2 * at + 1] as number, words);
    }
  };
}

function tablesOf(terms: readonly FallingTerm[]): MixtureTables {
  const total = terms.reduce((sum, term) => sum + term.weight, 0);
  let sum = 0;
  return {
    step: Float64Array.from(terms.flatMap((term) => [...term.part.ziggurat.step])),
    sure: Int32Array.from(terms.flatMap((term) => [...term.part.ziggurat.sure])),
    offsets: Float64Array.from(terms, (term) => term.part.offset),
    upTo: Int32Array.from(
      terms.slice(0, -1),
      (term) => Math.round((sum += term.weight) / total * 2 ** 24),
    ),
  };
}

function sweepMixture(
  drawn: Int32Array,
  out: Float64Array,
  unsure: Int32Array,
  { step, sure, offsets, upTo }: MixtureTables,
): number {
  let count = 0;
  for (let i = 0; i < out.length; i++) {
    const word = drawn[2 * i + 1] as number;
    const term = termOf(drawn[2 * i] as number, upTo);
    const entry = term * LAYERS + (word & (LAYERS - 1));
    const point = word >>> 8;
    out[i] = (offsets[term] as number) + point * (step[entry] as number);
    unsure[count] = i;
    count += reaches(point, sure[entry] as number);
  }
  return count;
}

function termOf(word: number, upTo: Int32Array): number {
  const chosen = word >>> 8;
  let term = 0;
  for (let cut = 0; cut < upTo.length; cut++) term += reaches(chosen, upTo[cut] as number);
  return term;
}

/** 1 when `value` is at least `bound`, else 0, for numbers of up to 31 bits: the sign of a difference. */
function reaches(value: number, bound: number): number {
  return (bound - 1 - value) >>> 31;
}

/** A point that is not surely under the density; others are drawn until one is. */
function decided(ziggurat: Ziggurat, first: number, words: RandomWords): number {
  for (let word = first;; word = words.uint32()) {
    const layer = word & (LAYERS - 1);
    const point = word >>> 8;
    const x = point * (ziggurat.step[layer] as number);
    if (point < (ziggurat.sure[layer] as number)) return x;
    const value = decide(ziggurat, layer, x, words);
    if (value >= 0) return value;
  }
}
