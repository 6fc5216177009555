/**
 * Decides what the clients of a load send and when, and counts the outcomes.
 *
 * In a closed loop, k clients each send the next operation when the last one has been answered, so
 * a slow store is asked less often. In an open loop, operations arrive by a Poisson process
 * whatever the store does. Latency counts from the intended arrival, so a stall is charged to every
 * operation that it delayed (Tene's "coordinated omission").
 *
 * `Load` has no clock and sends nothing: time is an argument. `wall_clock_load.ts` runs a load in
 * real time, `simulated_load.ts` in virtual time.
 */
import type { FloatSource } from "../../random/seeded.ts";
import type { KeySource } from "./keys.ts";
import { drawOperation, type Mix, type Operation } from "./mixes.ts";
import { type Progress, type RequestOutcome, Tally } from "./tally.ts";
import { NOTHING, valueOf } from "./values.ts";

export type Arrivals =
  | {
    readonly kind: "closed";
    readonly concurrency: number;
    /** How long a client waits between an answer and its next operation, ms. */
    readonly thinkMs?: (random: FloatSource) => number;
  }
  | {
    readonly kind: "open";
    readonly ratePerSecond: number;
    /**
     * Real time only: operations in flight at once. Later arrivals queue, their latency running.
     */
    readonly inFlightMax?: number;
  };

export interface LoadOptions {
  readonly mix: Mix;
  readonly arrivals: Arrivals;
  /** Operations measured. */
  readonly count: number;
  /** Operations sent first and not measured. */
  readonly warmUp?: number;
  /** The load ends after this time even if operations are left. */
  readonly durationMs?: number;
  readonly keys: KeySource;
  readonly valueBytes: number;
  /** Ends the load: what was sent is awaited and counted. */
  readonly signal?: AbortSignal;
}

/** One operation to send. */
export interface LoadRequest {
  readonly operation: Operation;
  readonly key: string;
  /** What to write; empty for a get. */
  readonly value: Uint8Array<ArrayBuffer>;
  /** Its latency counts from here. */
  readonly startMs: number;
  readonly isMeasured: boolean;
}

const CONCURRENCY_MAX = 10_000;
export const COUNT_MAX = 1_000_000_000;
const VALUE_BYTES_MAX = 1_048_576;
export const IN_FLIGHT_MAX = 10_000;

/** One load under way. */
export class Load {
  /** By operation, in the order of the mix. */
  readonly tallies: ReadonlyMap<Operation, Tally>;
  private readonly warmUp: number;
  private readonly total: number;
  private sent = 0;
  private firstMs: number;
  private lastMs: number;
  private isStopped = false;

  /** Throws {@link RangeError} for options out of range. */
  constructor(private readonly options: LoadOptions, private readonly begunMs: number) {
    requireOptions(options);
    this.warmUp = options.warmUp ?? 0;
    this.total = this.warmUp + options.count;
    this.tallies = new Map(options.mix.map(({ operation }) => [operation, new Tally()]));
    this.firstMs = this.lastMs = begunMs;
  }

  /** Nothing more is to be sent. */
  isOver(nowMs: number): boolean {
    const { durationMs, signal } = this.options;
    if (this.isStopped || this.sent >= this.total || signal?.aborted === true) return true;
    return durationMs !== undefined && nowMs - this.begunMs >= durationMs;
  }

  /** The next operation, or null when the load is over. `startMs` is its intended arrival. */
  next(random: FloatSource, nowMs: number, startMs = nowMs): LoadRequest | null {
    if (this.isOver(nowMs)) return null;
    const { keys, mix, valueBytes } = this.options;
    const operation = drawOperation(mix, random);
    const key = operation === "insert" && keys.insert !== undefined
      ? keys.insert()
      : keys.next(random);
    const value = operation === "get" ? NOTHING : valueOf(this.sent, valueBytes);
    if (this.sent === this.warmUp) this.firstMs = this.lastMs = nowMs;
    const isMeasured = this.sent >= this.warmUp;
    this.sent++;
    return { operation, key, value, startMs, isMeasured };
  }

  /** Counts how an operation ended. */
  note({ operation, startMs, isMeasured }: LoadRequest, outcome: RequestOutcome, nowMs: number) {
    if (!isMeasured) return;
    this.tally(operation).count(outcome, nowMs - startMs);
    this.lastMs = nowMs;
  }

  /** Ends the load, because an operation could not be sent at all. */
  stop(): void {
    this.isStopped = true;
  }

  /** How the operations of one kind went. Throws for a kind that the mix does not have. */
  tally(operation: Operation): Tally {
    const tally = this.tallies.get(operation);
    if (tally !== undefined) return tally;
    const known = [...this.tallies.keys()].join(", ");
    throw new RangeError(`operation must be one of the mix, ${known}: it is ${operation}`);
  }

  /** The share of the operations that were sent. */
  get sentShare(): number {
    return this.sent / this.total;
  }

  /** From the first measured operation to the end of the last. */
  get elapsedMs(): number {
    return this.lastMs - this.firstMs;
  }

  progress(nowMs: number): Progress {
    const sums = { attempted: 0, ok: 0, failed: 0, indeterminate: 0 };
    for (const tally of this.tallies.values()) {
      sums.attempted += tally.attempted;
      sums.ok += tally.ok;
      sums.failed += tally.failed;
      sums.indeterminate += tally.indeterminate;
    }
    return {
      count: this.options.count,
      ...sums,
      elapsedMs: Math.max(0, nowMs - this.firstMs),
    };
  }
}

/** The intended starts of Poisson arrivals, ms from the beginning, without end. */
export function* poissonArrivals(ratePerSecond: number, random: FloatSource): Generator<number> {
  const meanMs = 1_000 / ratePerSecond;
  for (let at = 0;;) yield at += -Math.log(1 - random.float()) * meanMs;
}

function requireOptions(options: LoadOptions): void {
  const { mix, arrivals, count, warmUp, valueBytes, durationMs, keys } = options;
  requireWhole("count", count, 0, COUNT_MAX);
  requireWhole("warmUp", warmUp ?? 0, 0, COUNT_MAX);
  requireWhole("valueBytes", valueBytes, 0, VALUE_BYTES_MAX);
  if (arrivals.kind === "closed") {
    requireWhole("concurrency", arrivals.concurrency, 1, CONCURRENCY_MAX);
  } else {
    requireAbove("ratePerSecond", arrivals.ratePerSecond);
    requireWhole("inFlightMax", arrivals.inFlightMax ?? IN_FLIGHT_MAX, 1, IN_FLIGHT_MAX);
  }
  if (durationMs !== undefined) requireAbove("durationMs", durationMs);
  const total = mix.reduce((sum, { share }) => sum + share, 0);
  if (mix.some(({ share }) => !(share >= 0)) || !(total > 0)) {
    throw new RangeError("mix must have shares of 0 or more, at least one above 0");
  }
  if (mix.some(({ operation }) => operation === "insert") && keys.insert === undefined) {
    throw new RangeError("keys must be able to grow for a mix with inserts: they are a fixed list");
  }
}

function requireWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}: it is ${value}`);
  }
}

function requireAbove(name: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`${name} must be above 0: it is ${value}`);
  }
}
