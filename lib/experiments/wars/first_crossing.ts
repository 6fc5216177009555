/**
 * t-visibility as PBS published it (VLDB 2012, Table 4): the first t of a sweep at which an
 * estimate from 50,000 trials reaches 99.9%. Each t of the sweep is another chance for a lucky
 * estimate, so the published figures are below the true quantile, by up to 14%.
 *
 * This module repeats the sweep on the distribution that millions of trials gave. At each t it
 * draws the number of stale reads among 50,000 from the binomial distribution, and it returns the
 * mean of many sweeps. Compare this figure with the published ones; the quantile is the correct
 * one.
 */
import type { FloatSource } from "../../random/seeded.ts";
import type { QuantileSketch } from "../stats/quantile_sketch.ts";

interface CrossingOptions {
  /** The share of consistent reads to reach; below 1. */
  readonly share: number;
  /** Trials of each estimate. */
  readonly trials?: number;
  /** The sweep's step, ms; by default a hundredth of the quantile. */
  readonly stepMs?: number;
  /** Sweeps to average over. */
  readonly sweeps?: number;
}

const TRIALS = 50_000;
const SWEEPS = 200;
/** Steps of a sweep from 0 to the true quantile. */
const STEPS = 100;

/** The mean first crossing, ms; 0 for a strict quorum (`sketch` null). */
export function firstCrossingMs(
  sketch: QuantileSketch | null,
  options: CrossingOptions,
  random: FloatSource,
): number {
  const { share, trials = TRIALS, sweeps = SWEEPS } = options;
  if (!(share > 0 && share < 1)) {
    throw new RangeError(`share must be above 0 and below 1: it is ${share}`);
  }
  const quantile = sketch?.quantile(share) ?? 0;
  if (sketch === null || quantile === 0) return 0;
  const stepMs = options.stepMs ?? quantile / STEPS;
  const consistent = sketch.distribution();
  const staleMost = Math.floor(trials * (1 - share) + 1e-9);
  let sum = 0;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    let step = 0;
    while (!crosses(1 - consistent(step * stepMs), trials, staleMost, random)) step++;
    sum += step * stepMs;
  }
  return sum / sweeps;
}

/** Whether at most `most` of `trials` reads are stale, each with probability `stale`. */
function crosses(stale: number, trials: number, most: number, random: FloatSource): boolean {
  if (stale <= 0) return true;
  // More than ten standard deviations of luck do not happen.
  const expected = stale * trials;
  if (expected - most > 10 * Math.sqrt(expected)) return false;
  // The gaps between stale reads are geometric: count how many fit.
  const logKept = Math.log1p(-Math.min(stale, 1 - 1e-12));
  let at = 0;
  for (let count = 0; count <= most; count++) {
    at += Math.floor(Math.log(1 - random.float()) / logKept) + 1;
    if (at > trials) return true;
  }
  return false;
}
