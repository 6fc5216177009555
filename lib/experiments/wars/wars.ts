/**
 * WARS: a Monte Carlo model of how long reads and writes take, and when reads see a write.
 *
 * Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012,
 * sections 4.1 and 5.1. A trial draws N of each leg: W (write request), A (its acknowledgement), R
 * (read request), S (its response). A write is answered after the W-th smallest W[i] + A[i], a read
 * after the R-th smallest R[i] + S[i]. A read that begins t after the answer to the write is
 * consistent if one of the first R replicas to respond received the write before the read request:
 *
 *     answered + t + R[i] >= W[i]      so      t >= t* = min (W[i] - R[i]) - answered
 *
 * So one trial serves every R, every W and every t, and t-visibility is a quantile of t*. Latencies
 * follow from the times of single replicas (`order_statistics.ts`), and trials draw from evenly
 * spread words (`strata.ts`). Together these make a million trials as accurate as tens of millions.
 */
import type { Legs } from "../../random/latency.ts";
import { LEGS } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { QuantileSketch } from "../stats/quantile_sketch.ts";
import { blockSampler, type Fill } from "./block_sampler.ts";
import { kthMean, kthQuantile, type Replicas } from "./order_statistics.ts";
import { RandomWords } from "./random_words.ts";
import { Strata, STRATA_BATCH, STRATA_BATCHES } from "./strata.ts";

/**
 * Who coordinates. `proxy`, as published: a node that is not a replica, so every replica has four
 * legs. `replica`: a replica that has no legs to itself, drawn for each write and each read, as
 * when clients ask any replica. `same-replica`: the same replica for both, as with the coordinator
 * choice `first`.
 */
export type WarsCoordinator = "proxy" | "replica" | "same-replica";
export const WARS_COORDINATORS: readonly WarsCoordinator[] = ["proxy", "replica", "same-replica"];

export interface WarsModel {
  readonly n: number;
  readonly legs: Legs;
  readonly coordinator: WarsCoordinator;
  /** The quorums to study; all N × N by default. */
  readonly pairs?: readonly Quorum[];
}

export interface Quorum {
  readonly r: number;
  readonly w: number;
}

export const WARS_N_MAX = 20;
/** Trials that share a seed. Blocks make the result independent of the number of workers. */
export const BLOCK_TRIALS = STRATA_BATCH * STRATA_BATCHES;
/** Trials drawn at once, so few that the arrays stay in the cache. */
const BATCH = STRATA_BATCH;

/** Every R and W of N replicas. */
export function allQuorums(n: number): Quorum[] {
  return Array.from({ length: n * n }, (_, i) => ({ r: Math.floor(i / n) + 1, w: i % n + 1 }));
}

/** Throws {@link RangeError} for a model out of range, saying what is allowed. */
export function requireModel({ n, coordinator, pairs }: WarsModel): void {
  requireWhole("n", n, 1, WARS_N_MAX);
  for (const { r, w } of pairs ?? []) {
    requireWhole("r", r, 1, n);
    requireWhole("w", w, 1, n);
  }
  if (!WARS_COORDINATORS.includes(coordinator)) {
    throw new RangeError(
      `coordinator must be one of ${WARS_COORDINATORS.join(", ")}: it is '${coordinator}'`,
    );
  }
}

export function requireWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}: it is ${value}`);
  }
}

/** Runs `trials` on this thread. `wars/pool.ts` gives the same result on several. */
export function runWars(model: WarsModel, trials: number, random: SeededRandom): WarsTally {
  requireModel(model);
  requireWhole("trials", trials, 1, Number.MAX_SAFE_INTEGER);
  const engine = new WarsEngine(model);
  for (let block = 0; block * BLOCK_TRIALS < trials; block++) {
    engine.runBlock(block, Math.min(BLOCK_TRIALS, trials - block * BLOCK_TRIALS), random);
  }
  return engine.tally;
}

/** The results of trials. Tallies of the same model can be merged. */
export class WarsTally {
  readonly n: number;
  /** The times that single replicas take to answer, without the remote part, ms. */
  readonly reads = new QuantileSketch();
  readonly writes = new QuantileSketch();
  private readonly staleness = new Map<number, QuantileSketch>();

  constructor(private readonly model: WarsModel) {
    this.n = model.n;
    for (const { r, w } of model.pairs ?? allQuorums(model.n)) {
      // Strict quorums overlap and are always consistent: there is nothing to count.
      if (r + w <= model.n) this.staleness.set(this.indexOf(r, w), new QuantileSketch());
    }
  }

  get trials(): number {
    return this.reads.count / this.n;
  }

  /** The latency that a share `p` of reads with this R does not exceed, ms. */
  readMs(r: number, p: number): number {
    requireWhole("r", r, 1, this.n);
    return kthQuantile(this.replicas(this.reads), r, p);
  }

  /** The same for writes with this W. */
  writeMs(w: number, p: number): number {
    requireWhole("w", w, 1, this.n);
    return kthQuantile(this.replicas(this.writes), w, p);
  }

  readMean(r: number): number {
    requireWhole("r", r, 1, this.n);
    return kthMean(this.replicas(this.reads), r);
  }

  writeMean(w: number): number {
    requireWhole("w", w, 1, this.n);
    return kthMean(this.replicas(this.writes), w);
  }

  /** The probability that a read `t` ms after the answer to a write sees it, or a newer one. */
  pConsistent(quorum: Quorum, t: number): number {
    return this.sketchOf(quorum)?.shareUpTo(t) ?? 1;
  }

  /** t-visibility: the time after the answer when a share `p` of reads see the write, ms. */
  tVisibilityMs(quorum: Quorum, p: number): number {
    return this.sketchOf(quorum)?.quantile(p) ?? 0;
  }

  /** Null for a strict quorum. */
  sketchOf({ r, w }: Quorum): QuantileSketch | null {
    if (r + w > this.n) return null;
    return studied(this.staleness.get(this.indexOf(r, w)), `R=${r} W=${w}`);
  }

  /** All counts, which can be posted to another thread. */
  counts(): readonly Uint32Array[] {
    return this.sketches().map((sketch) => sketch.counts);
  }

  merge(counts: readonly Uint32Array[]): void {
    this.sketches().forEach((sketch, i) => sketch.merge(counts[i] as Uint32Array));
  }

  private sketches(): QuantileSketch[] {
    return [this.reads, this.writes, ...this.staleness.values()];
  }

  private replicas(one: QuantileSketch): Replicas {
    const { n, legs, coordinator } = this.model;
    return { n, one, remoteMs: 2 * legs.remoteMs, ownIsFree: coordinator !== "proxy" };
  }

  private indexOf(r: number, w: number): number {
    return (r - 1) * this.n + w - 1;
  }
}

function studied(sketch: QuantileSketch | undefined, what: string): QuantileSketch {
  if (sketch === undefined) throw new RangeError(`${what} is not one of the pairs of this model`);
  return sketch;
}

/** W, A, R and S: replica by replica within each trial. */
type FourLegs = readonly [Float64Array, Float64Array, Float64Array, Float64Array];

/** Draws trials and counts their results. */
export class WarsEngine {
  readonly tally: WarsTally;
  private readonly n: number;
  private readonly fills: readonly Fill[];
  private readonly legs: readonly Float64Array[];
  private readonly strata: Strata;
  private readonly words: Int32Array;
  private readonly remoteMs: number;
  private readonly ownLegs: boolean;
  private readonly sameReplica: boolean;
  /** One trial: acknowledgements, ascending; responses, ascending, each with its W - R. */
  private readonly acked: Float64Array;
  private readonly responded: Float64Array;
  private readonly behind: Float64Array;
  /** The largest R and W whose staleness is counted. Later answers need not be sorted. */
  private readonly rMost: number;
  private readonly wMost: number;
  /** The quorums whose staleness is counted, each with its sketch. */
  private readonly pairs: readonly (Quorum & { readonly sketch: QuantileSketch })[];

  constructor(model: WarsModel) {
    const { n, legs, coordinator } = model;
    this.n = n;
    this.tally = new WarsTally(model);
    this.fills = fillsOf(legs);
    this.legs = LEGS.map(() => new Float64Array(BATCH * n));
    this.strata = new Strata(LEGS.length * n);
    this.words = new Int32Array(BATCH * n);
    this.remoteMs = legs.remoteMs;
    this.ownLegs = coordinator === "proxy";
    this.sameReplica = coordinator === "same-replica";
    this.acked = new Float64Array(n);
    this.responded = new Float64Array(n);
    this.behind = new Float64Array(n);
    this.pairs = (model.pairs ?? allQuorums(n)).flatMap((pair) => {
      const sketch = this.tally.sketchOf(pair);
      return sketch === null ? [] : [{ ...pair, sketch }];
    });
    this.rMost = Math.max(1, ...this.pairs.map(({ r }) => r));
    this.wMost = Math.max(1, ...this.pairs.map(({ w }) => w));
  }

  /** Runs block `index`. */
  runBlock(index: number, trials: number, random: SeededRandom): void {
    const words = new RandomWords(random.child(`wars-${index}`));
    this.strata.begin(words);
    for (let batch = 0; batch * BATCH < trials; batch++) {
      const count = Math.min(BATCH, trials - batch * BATCH);
      this.draw(batch, words);
      this.countAnswers(count);
      if (this.pairs.length === 0) continue;
      if (!this.ownLegs || this.remoteMs > 0) this.place(words);
      this.judge(count);
    }
  }

  private draw(batch: number, words: RandomWords): void {
    const { fills, legs, n, strata } = this;
    for (let leg = 0; leg < fills.length; leg++) {
      strata.fill(this.words, leg * n, n, batch, words);
      (fills[leg] as Fill)(legs[leg] as Float64Array, this.words, words);
    }
  }

  /** Counts what each replica takes, without the remote part. */
  private countAnswers(trials: number): void {
    const [writeOut, writeBack, readOut, readBack] = this.legs as FourLegs;
    const { reads, writes } = this.tally;
    for (let at = 0; at < trials * this.n; at++) {
      writes.add((writeOut[at] as number) + (writeBack[at] as number));
      reads.add((readOut[at] as number) + (readBack[at] as number));
    }
  }

  /**
   * Chooses the local replica. The replicas' legs are alike, so the first one may always be local
   * for the write. The read's local replica is drawn, unless both must be the same.
   */
  private place(words: RandomWords): void {
    const { n, remoteMs, ownLegs, sameReplica } = this;
    const [writeOut, writeBack, readOut, readBack] = this.legs as FourLegs;
    const keep = ownLegs ? 1 : 0;
    for (let from = 0; from < BATCH * n; from += n) {
      const readLocal = sameReplica ? 0 : Math.floor(words.uint32() / 2 ** 32 * n);
      for (let i = 0; i < n; i++) {
        const at = from + i;
        if (i === 0) {
          writeOut[at] = (writeOut[at] as number) * keep;
          writeBack[at] = (writeBack[at] as number) * keep;
        } else {
          writeOut[at] = (writeOut[at] as number) + remoteMs;
          writeBack[at] = (writeBack[at] as number) + remoteMs;
        }
        if (i === readLocal) {
          readOut[at] = (readOut[at] as number) * keep;
          readBack[at] = (readBack[at] as number) * keep;
        } else {
          readOut[at] = (readOut[at] as number) + remoteMs;
          readBack[at] = (readBack[at] as number) + remoteMs;
        }
      }
    }
  }

  private judge(trials: number): void {
    const { n, acked, responded, behind, pairs, rMost, wMost } = this;
    const [writeOut, writeBack, readOut, readBack] = this.legs as FourLegs;
    for (let trial = 0; trial < trials; trial++) {
      const from = trial * n;
      for (let i = 0; i < n; i++) {
        const arrives = writeOut[from + i] as number;
        const asked = readOut[from + i] as number;
        insertAscending(acked, i, wMost, arrives + (writeBack[from + i] as number));
        const responds = asked + (readBack[from + i] as number);
        insertBoth(responded, behind, i, rMost, responds, arrives - asked);
      }
      // From here on, behind[i] is the smallest W - R among the first i + 1 responses.
      for (let i = 1; i < rMost; i++) {
        behind[i] = Math.min(behind[i] as number, behind[i - 1] as number);
      }
      for (let i = 0; i < pairs.length; i++) {
        const { r, w, sketch } = pairs[i] as (typeof pairs)[number];
        sketch.add((behind[r - 1] as number) - (acked[w - 1] as number));
      }
    }
  }
}

/** Equal legs share one sampler, so that its tables stay in the cache. */
function fillsOf(legs: Legs): Fill[] {
  const made = new Map<string, Fill>();
  return LEGS.map((leg) => {
    const { spec } = legs[leg];
    // The spec of measured samples is only a name: equal specs may have different samples.
    const known = spec.includes("empirical") ? undefined : made.get(spec);
    const fill = known ?? blockSampler(legs[leg]);
    made.set(spec, fill);
    return fill;
  });
}

/**
 * Insertion sort that keeps the `most` smallest values, after `length` earlier ones. N is small.
 */
function insertAscending(values: Float64Array, length: number, most: number, value: number): void {
  let at = length;
  if (length >= most) {
    at = most - 1;
    if (value >= (values[at] as number)) return;
  }
  while (at > 0 && (values[at - 1] as number) > value) {
    values[at] = values[at - 1] as number;
    at--;
  }
  values[at] = value;
}

function insertBoth(
  keys: Float64Array,
  values: Float64Array,
  length: number,
  most: number,
  key: number,
  value: number,
): void {
  let at = length;
  if (length >= most) {
    at = most - 1;
    if (key >= (keys[at] as number)) return;
  }
  while (at > 0 && (keys[at - 1] as number) > key) {
    keys[at] = keys[at - 1] as number;
    values[at] = values[at - 1] as number;
    at--;
  }
  keys[at] = key;
  values[at] = value;
}
