/**
 * Latencies multiplied by a factor, so that the delays of the real machine are small in comparison.
 */
import { type Distribution, distributionOf, type Shape } from "../../random/distribution.ts";
import { type Legs, legsFrom } from "../../random/latency.ts";

/** All legs times `factor`, including the remote part. */
export function scaledLegs(legs: Legs, factor: number): Legs {
  if (!(factor > 0)) throw new RangeError(`factor must be above 0: it is ${factor}`);
  const scaled = ({ shape }: Distribution) => distributionOf(scale(shape, factor));
  const { W, A, R, S, other } = legs;
  const made = { W: scaled(W), A: scaled(A), R: scaled(R), S: scaled(S), other: scaled(other) };
  return legsFrom(made, legs.remoteMs * factor);
}

function scale(shape: Shape, factor: number): Shape {
  switch (shape.kind) {
    case "constant":
      return { ...shape, ms: shape.ms * factor };
    case "uniform":
      return { ...shape, low: shape.low * factor, high: shape.high * factor };
    case "normal":
      return { ...shape, mean: shape.mean * factor, sd: shape.sd * factor };
    case "exp":
      return { ...shape, rate: shape.rate / factor };
    case "pareto":
      return { ...shape, xm: shape.xm * factor };
    case "mix":
      return {
        ...shape,
        terms: shape.terms.map((term) => ({ ...term, shape: scale(term.shape, factor) })),
      };
    case "empirical":
      return { ...shape, samples: shape.samples.map((ms) => ms * factor) };
  }
}
