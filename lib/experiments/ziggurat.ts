/**
 * Exact draws from a falling density for the price of one multiplication: Marsaglia and Tsang's
 * ziggurat ("The Ziggurat Method for Generating Random Variables", 2000).
 *
 * The area under the density is covered by 256 layers of equal area. A random word picks a layer (8
 * bits) and a point in it (24 bits); 97 to 99 times in a hundred the point certainly lies under the
 * density and is the answer. The rest is decided exactly: a comparison at the layer's edge, inversion in
 * the tail. Logarithms and powers, some 15 to 30 ns each, are needed for those only.
 */

import type { FloatSource } from "../random/seeded.ts";

/** A density on [0, ∞) that falls everywhere, not normalised. */
export interface FallingDensity {
  readonly at: (x: number) => number;
  /** Where the density has that value. */
  readonly inverse: (density: number) => number;
  /** The area beyond x. */
  readonly beyond: (x: number) => number;
  /** A point beyond x, for a uniform `u` in (0, 1]. */
  readonly tail: (x: number, u: number) => number;
}

export const LAYERS = 256;
const POINTS = 2 ** 24;

export interface Ziggurat {
  /** Per layer: the width of one of its 2^24 points. */
  readonly step: Float64Array;
  /** Per layer: points below this number are surely under the density. */
  readonly sure: Int32Array;
  /** Per layer: the density at its outer and at its inner edge. */
  readonly outer: Float64Array;
  readonly inner: Float64Array;
  /** Where the tail begins. */
  readonly end: number;
  readonly density: FallingDensity;
}

/** exp(-rate x). */
export function exponentialDensity(rate: number): FallingDensity {
  return {
    at: (x) => Math.exp(-rate * x),
    inverse: (density) => -Math.log(density) / rate,
    beyond: (x) => Math.exp(-rate * x) / rate,
    tail: (x, u) => x - Math.log(u) / rate,
  };
}

/** A Pareto's, moved to begin at 0: (1 + x/xm)^-(alpha + 1). */
export function paretoDensity(xm: number, alpha: number): FallingDensity {
  return {
    at: (x) => (1 + x / xm) ** -(alpha + 1),
    inverse: (density) => xm * (density ** (-1 / (alpha + 1)) - 1),
    beyond: (x) => xm / alpha * (1 + x / xm) ** -alpha,
    tail: (x, u) => (x + xm) * u ** (-1 / alpha) - xm,
  };
}

/** Cuts a density into layers. */
export function zigguratOf(density: FallingDensity): Ziggurat {
  const end = tailStart(density);
  const area = end * density.at(end) + density.beyond(end);
  const edges = layerEdges(density, end, area);
  const step = new Float64Array(LAYERS);
  const sure = new Int32Array(LAYERS);
  const outer = new Float64Array(LAYERS);
  const inner = new Float64Array(LAYERS);
  for (let layer = 0; layer < LAYERS; layer++) {
    // Layer 0 is the bottom one with the tail: as wide as its area needs at its height.
    const width = layer === 0 ? area / density.at(end) : edges[layer] as number;
    const within = layer === 0 ? end : edges[layer + 1] as number;
    step[layer] = width / POINTS;
    sure[layer] = Math.floor(within / width * POINTS);
    outer[layer] = density.at(edges[layer] as number);
    inner[layer] = density.at(edges[layer + 1] as number);
  }
  return { step, sure, outer, inner, end, density };
}

/** Decides a point that is not surely under the density: its value, or -1 when another must be drawn. */
export function decide(
  ziggurat: Ziggurat,
  layer: number,
  x: number,
  random: FloatSource,
): number {
  if (layer === 0) return ziggurat.density.tail(ziggurat.end, 1 - random.float());
  const outer = ziggurat.outer[layer] as number;
  const height = outer + random.float() * ((ziggurat.inner[layer] as number) - outer);
  return height < ziggurat.density.at(x) ? x : -1;
}

/** Outer edges from the bottom up: edges[1] is where the tail begins, edges[256] is 0. */
function layerEdges(density: FallingDensity, end: number, area: number): Float64Array {
  const edges = new Float64Array(LAYERS + 1);
  edges[0] = edges[1] = end;
  for (let layer = 2; layer < LAYERS; layer++) {
    const below = edges[layer - 1] as number;
    const height = density.at(below) + area / below;
    edges[layer] = height >= density.at(0) ? 0 : density.inverse(height);
  }
  return edges;
}

/** Where the tail must begin for the layers to end exactly at the density's top: by bisection. */
function tailStart(density: FallingDensity): number {
  const top = density.at(0);
  /** Above 0 when the layers overshoot the top: the tail begins too early. */
  const overshoot = (end: number) => {
    const area = end * density.at(end) + density.beyond(end);
    let edge = end;
    for (let layer = 2; layer < LAYERS; layer++) {
      const height = density.at(edge) + area / edge;
      if (height >= top) return 1;
      edge = density.inverse(height);
    }
    return density.at(edge) + area / edge - top;
  };
  let low = density.inverse(top * 0.5);
  let high = low * 2;
  while (overshoot(high) > 0) high *= 2;
  for (let i = 0; i < 200 && high - low > high * 1e-15; i++) {
    const middle = (low + high) / 2;
    if (overshoot(middle) > 0) low = middle;
    else high = middle;
  }
  return high;
}
