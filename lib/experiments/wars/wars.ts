/**
 * WARS: how long reads and writes take, and how soon a read sees a write, by Monte Carlo.
 *
 * Bailis et al., "Probabilistically Bounded Staleness for Practical Partial Quorums", VLDB 2012,
 * sections 4.1 and 5.1. A trial draws N of each leg: W (write request), A (its acknowledgement), R (read
 * request), S (its response). A write is answered at the W-th smallest W[i] + A[i]; a read after the
 * R-th smallest R[i] + S[i]. Begun t after the write was answered, it is consistent when one of the
 * first R replicas to respond had the write before the request came:
 *
 *     answered + t + R[i] >= W[i]      so      t >= t* = min (W[i] - R[i]) - answered
 *
 * One trial therefore serves every R, every W and every t: t-visibility is a quantile of t*. Latencies need
 * less than a trial: they follow from what single replicas take (`order_statistics.ts`). And trials draw
 * from evenly spread words (`strata.ts`): both make a million trials as good as tens of millions.
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
 * Who coordinates. `proxy`, as published: somebody who is no replica, so all have four legs. `replica`:
 * one of them, without legs to itself, drawn anew for each write and read, as clients do that ask any
 * replica. `same-replica`: one and the same for both, as the choice `first` gives.
 */
export type WarsCoordinator = "proxy" | "replica" | "same-replica";
export const WARS_COORDINATORS: readonly WarsCoordinator[] = ["proxy", "replica", "same-replica"];

export interface WarsModel {
  readonly n: number;
  readonly legs: Legs;
  readonly coordinator: WarsCoordinator;
  /** The quorums to study; all N × N unless given. */
  readonly pairs?: readonly Quorum[];
}

export interface Quorum {
  readonly r: number;
  readonly w: number;
}

export const WARS_N_MAX = 20;
/** Trials that share a seed: what a run is cut into, so that any number of workers gives one result. */
export const BLOCK_TRIALS = STRATA_BATCH * STRATA_BATCHES;
/** Trials drawn at a time: the arrays stay in the cache. */
const BATCH = STRATA_BATCH;

/** Every R and W of N replicas. */
export function allQuorums(n: number): Quorum[] {
  return Array.from({ length: n * n }, (_, i) => ({ r: Math.floor(i / n) + 1, w: i % n + 1 }));
}

/** Throws {@link RangeError} with what is allowed when the model cannot be. */
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

/** Runs `trials` on this thread. Blocks of a seed are the same whoever runs them: see `wars/pool.ts`. */
export function runWars(model: WarsModel, trials: number, random: SeededRandom): WarsTally {
  requireModel(model);
  requireWhole("trials", trials, 1, Number.MAX_SAFE_INTEGER);
  const engine = new WarsEngine(model);
  for (let block = 0; block * BLOCK_TRIALS < trials; block++) {
    engine.runBlock(block, Math.min(BLOCK_TRIALS, trials - block * BLOCK_TRIALS), random);
  }
  return engine.tally;
}

/** What trials have shown; tallies of one model add up. */
export class WarsTally {
  readonly n: number;
  /** What single replicas take to answer, without the remote part, ms. */
  readonly reads = new QuantileSketch();
  readonly writes = new QuantileSketch();
  private readonly staleness = new Map<number, QuantileSketch>();

  constructor(private readonly model: WarsModel) {
    this.n = model.n;
    for (const { r, w } of model.pairs ?? allQuorums(model.n)) {
      // Strict quorums overlap: always consistent, there is nothing to count.
      if (r + w <= model.n) this.staleness.set(this.indexOf(r, w), new QuantileSketch());
    }
  }

  get trials(): number {
    return this.reads.count / this.n;
  }

  /** The latency that a share `p` of reads at R does not exceed, ms. */
  readMs(r: number, p: number): number {
    requireWhole("r", r, 1, this.n);
    return kthQuantile(this.replicas(this.reads), r, p);
  }

  /** Likewise of writes at W. */
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

  /** The probability that a read begun `t` ms after the write was answered sees it, or a newer one. */
  pConsistent(quorum: Quorum, t: number): number {
    return this.sketchOf(quorum)?.shareUpTo(t) ?? 1;
  }

  /** t-visibility: how long after the answer a share `p` of reads see the write, ms. The true quantile. */
  tVisibilityMs(quorum: Quorum, p: number): number {
    return this.sketchOf(quorum)?.quantile(p) ?? 0;
  }

  /** Null for a strict quorum. */
  sketchOf({ r, w }: Quorum): QuantileSketch | null {
    if (r + w > this.n) return null;
    return studied(this.staleness.get(this.indexOf(r, w)), `R=${r} W=${w}`);
  }

  /** All counts, to be posted to another thread. */
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
  if (sketch === undefined) throw new RangeError(`${what} was not among the pairs studied`);
  return sketch;
}

/** W, A, R and S, trial by trial and replica by replica. */
type FourLegs = readonly [Float64Array, Float64Array, Float64Array, Float64Array];

/** Draws and judges trials. */
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
  /** Of one trial, ascending: answers to the write; answers to the read, with each one's W - R. */
  private readonly acked: Float64Array;
  private readonly responded: Float64Array;
  private readonly behind: Float64Array;
  /** The largest R and W whose staleness is counted: beyond them no order is needed. */
  private readonly rMost: number;
  private readonly wMost: number;
  /** Whose staleness is counted, and where. */
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

  /** Block `index` of a run. */
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

  /** What each replica takes by itself, before anybody is near or far. */
  private countAnswers(trials: number): void {
    const [writeOut, writeBack, readOut, readBack] = this.legs as FourLegs;
    const { reads, writes } = this.tally;
    for (let at = 0; at < trials * this.n; at++) {
      writes.add((writeOut[at] as number) + (writeBack[at] as number));
      reads.add((readOut[at] as number) + (readBack[at] as number));
    }
  }

  /**
   * Says who is local. The legs of the replicas are alike, so the write's local one may always be the
   * first; the read's is drawn, unless it is to be the same.
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
      // From here on behind[i] is the least W - R among the first i + 1 to respond.
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

/** Legs that are alike share one sampler, and its tables the cache. */
function fillsOf(legs: Legs): Fill[] {
  const made = new Map<string, Fill>();
  return LEGS.map((leg) => {
    const { spec } = legs[leg];
    // The spec of measured samples only names them.
    const known = spec.includes("empirical") ? undefined : made.get(spec);
    const fill = known ?? blockSampler(legs[leg]);
    made.set(spec, fill);
    return fill;
  });
}

/** Insertion sort, N is small, that keeps the `most` least; `length` values were seen before. */
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
