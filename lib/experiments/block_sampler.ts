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

/** One ziggurat. The words come in one sweep, so that the loop over them is arithmetic alone. */
function singleFill({ offset, ziggurat }: FallingPart): Fill {
  let drawn = new Int32Array(0);
  return (out, words) => {
    if (drawn.length !== out.length) drawn = new Int32Array(out.length);
    words.fill(drawn);
    fillFrom(drawn, out, offset, ziggurat, words);
  };
}

function fillFrom(
  drawn: Int32Array,
  out: Float64Array,
  offset: number,
  ziggurat: Ziggurat,
  words: RandomWords,
): void {
  const { step, sure } = ziggurat;
  for (let i = 0; i < out.length; i++) {
    const word = drawn[i] as number;
    const layer = word & (LAYERS - 1);
    const point = word >>> 8;
    let x = point * (step[layer] as number);
    if (point >= (sure[layer] as number)) x = decided(ziggurat, layer, x, words);
    out[i] = offset + x;
  }
}

interface MixtureTables {
  readonly terms: readonly FallingTerm[];
  /** The terms' ziggurats end to end, so that a term is an index. */
  readonly step: Float64Array;
  readonly sure: Int32Array;
  readonly offsets: Float64Array;
  /** Words below upTo[i] choose term i, if none before it. */
  readonly upTo: Float64Array;
}

/** Several: every other word says whose turn it is. */
function mixtureFill(terms: readonly FallingTerm[]): Fill {
  const total = terms.reduce((sum, term) => sum + term.weight, 0);
  let sum = 0;
  const tables: MixtureTables = {
    terms,
    step: Float64Array.from(terms.flatMap((term) => [...term.part.ziggurat.step])),
    sure: Int32Array.from(terms.flatMap((term) => [...term.part.ziggurat.sure])),
    offsets: Float64Array.from(terms, (term) => term.part.offset),
    upTo: Float64Array.from(
      terms.slice(0, -1),
      (term) => (sum += term.weight) / total * 2 ** 32 - 2 ** 31,
    ),
  };
  let drawn = new Int32Array(0);
  return (out, words) => {
    if (drawn.length !== 2 * out.length) drawn = new Int32Array(2 * out.length);
    words.fill(drawn);
    fillMixed(drawn, out, tables, words);
  };
}

function fillMixed(
  drawn: Int32Array,
  out: Float64Array,
  tables: MixtureTables,
  words: RandomWords,
): void {
  const { terms, step, sure, offsets, upTo } = tables;
  for (let i = 0; i < out.length; i++) {
    const chosen = drawn[2 * i] as number;
    const word = drawn[2 * i + 1] as number;
    let term = 0;
    for (let cut = 0; cut < upTo.length; cut++) if (chosen >= (upTo[cut] as number)) term++;
    const layer = word & (LAYERS - 1);
    const point = word >>> 8;
    const entry = term * LAYERS + layer;
    let x = point * (step[entry] as number);
    if (point >= (sure[entry] as number)) {
      x = decided((terms[term] as FallingTerm).part.ziggurat, layer, x, words);
    }
    out[i] = (offsets[term] as number) + x;
  }
}

/** The slow path, one draw in fifty or so. */
function decided(ziggurat: Ziggurat, layer: number, x: number, words: RandomWords): number {
  let value = decide(ziggurat, layer, x, words);
  while (value < 0) {
    const word = words.uint32();
    const next = word & (LAYERS - 1);
    const point = word >>> 8;
    value = point * (ziggurat.step[next] as number);
    if (point >= (ziggurat.sure[next] as number)) value = decide(ziggurat, next, value, words);
  }
  return value;
}
