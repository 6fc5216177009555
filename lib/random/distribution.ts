/**
 * Latency distributions: plain data ({@link Shape}), and how to draw from it.
 *
 * The families are those that "Probabilistically Bounded Staleness" (Bailis et al., VLDB 2012,
 * Table 3) fits to production latencies, and those of the original Dynamo Simulator. All values are
 * in milliseconds and never negative.
 */
import type { FloatSource } from "./seeded.ts";

export type Shape =
  | { readonly kind: "constant"; readonly ms: number }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  /** Clipped: negative values become 0. */
  | { readonly kind: "normal"; readonly mean: number; readonly sd: number }
  /** `rate` is per millisecond, as PBS prints it: the mean is 1 / rate. */
  | { readonly kind: "exp"; readonly rate: number }
  | { readonly kind: "pareto"; readonly xm: number; readonly alpha: number }
  | { readonly kind: "mix"; readonly terms: readonly MixTerm[] }
  /** Measured latencies, all equally likely. */
  | { readonly kind: "empirical"; readonly name: string; readonly samples: Float64Array };

export interface MixTerm {
  readonly weight: number;
  readonly shape: Shape;
}

/** One latency, ms. */
export interface Distribution {
  /** The text that {@link parseDistribution} reads back. */
  readonly spec: string;
  readonly shape: Shape;
  sample(random: FloatSource): number;
  /** Infinite for a Pareto tail without a mean (alpha at most 1). */
  mean(): number;
}

export function distributionOf(shape: Shape): Distribution {
  return { spec: format(shape), shape, sample: sampler(shape), mean: () => meanOf(shape) };
}

/**
 * The distribution of measured latencies, ms. Its `spec` names them but cannot be parsed.
 * Throws {@link RangeError} when there are none, or when one is negative or not finite.
 */
export function empiricalDistribution(name: string, samples: ArrayLike<number>): Distribution {
  if (samples.length === 0) {
    throw new RangeError(`Cannot use samples '${name}': at least one is needed, there are 0`);
  }
  const kept = Float64Array.from(samples);
  kept.forEach((sample, i) => {
    if (Number.isFinite(sample) && sample >= 0) return;
    throw new RangeError(
      `Cannot use sample ${
        i + 1
      } of '${name}': it must be a latency of 0 ms or more: it is ${sample}`,
    );
  });
  return distributionOf({ kind: "empirical", name, samples: kept });
}

/** A shape as text, in the grammar of `latency.ts`. */
function format(shape: Shape): string {
  switch (shape.kind) {
    case "constant":
      return `${shape.ms}`;
    case "uniform":
      return `uniform(${shape.low},${shape.high})`;
    case "normal":
      return `normal(${shape.mean},${shape.sd})`;
    case "exp":
      return `exp(${shape.rate})`;
    case "pareto":
      return `pareto(${shape.xm},${shape.alpha})`;
    case "mix":
      return `mix(${shape.terms.map((term) => `${term.weight}*${format(term.shape)}`).join("+")})`;
    case "empirical":
      return `empirical(${shape.name})`;
  }
}

/** The mean, ms, in closed form. */
function meanOf(shape: Shape): number {
  switch (shape.kind) {
    case "constant":
      return shape.ms;
    case "uniform":
      return (shape.low + shape.high) / 2;
    case "normal":
      return clippedNormalMean(shape.mean, shape.sd);
    case "exp":
      return 1 / shape.rate;
    case "pareto":
      return shape.alpha > 1 ? shape.alpha * shape.xm / (shape.alpha - 1) : Infinity;
    case "mix":
      // A weight of 0 times an infinite mean would be NaN.
      return shape.terms.reduce(
        (sum, { weight, shape }) => weight === 0 ? sum : sum + weight * meanOf(shape),
        0,
      );
    case "empirical":
      return shape.samples.reduce((sum, sample) => sum + sample, 0) / shape.samples.length;
  }
}

/**
 * Draws by inverting the distribution function where that is possible; 1 - float() is in (0, 1].
 */
function sampler(shape: Shape): (random: FloatSource) => number {
  switch (shape.kind) {
    case "constant": {
      const { ms } = shape;
      return () => ms;
    }
    case "uniform": {
      const { low, high } = shape;
      return (random) => low + (high - low) * random.float();
    }
    case "normal": {
      const { mean, sd } = shape;
      return (random) => Math.max(0, mean + sd * standardNormal(random));
    }
    case "exp": {
      const meanMs = 1 / shape.rate;
      return (random) => -Math.log(1 - random.float()) * meanMs;
    }
    case "pareto": {
      const { xm } = shape;
      const power = -1 / shape.alpha;
      return (random) => xm * Math.pow(1 - random.float(), power);
    }
    case "mix":
      return mixSampler(shape.terms);
    case "empirical": {
      const { samples } = shape;
      return (random) => samples[Math.floor(random.float() * samples.length)] as number;
    }
  }
}

function mixSampler(terms: readonly MixTerm[]): (random: FloatSource) => number {
  const samplers = terms.map((term) => sampler(term.shape));
  const upTo: number[] = [];
  let sum = 0;
  for (const term of terms) upTo.push(sum += term.weight);
  // The weights may add up to slightly less than 1. The last term with a weight takes the rest.
  let last = terms.length - 1;
  while (last > 0 && terms[last]?.weight === 0) last--;
  return (random) => {
    const drawn = random.float();
    let i = 0;
    while (i < last && drawn >= (upTo[i] as number)) i++;
    return (samplers[i] as (random: FloatSource) => number)(random);
  };
}

/** Box-Muller. The second value is discarded, so that the generator is the only state. */
function standardNormal(random: FloatSource): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.float()));
  return radius * Math.cos(2 * Math.PI * random.float());
}

/** E[max(0, X)] of a normal X. */
function clippedNormalMean(mean: number, sd: number): number {
  if (sd === 0) return Math.max(0, mean);
  const z = mean / sd;
  const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  return mean * normalCdf(z) + sd * density;
}

/** Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const poly = t *
    (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI) * poly;
  return z >= 0 ? 1 - tail : tail;
}
