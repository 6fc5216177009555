/**
 * What clients do, and how it is driven.
 *
 * Closed loop: k clients, each sends its next operation when the last was answered; a slow store is
 * asked less often. Open loop: operations arrive by a Poisson process whatever the store does, and
 * latency counts from the arrival that was meant, so a stall is charged to every operation it delayed
 * (Tene's "coordinated omission").
 *
 * Nothing here knows how an operation travels: `send` does it, over a real cluster or a fake one.
 */
import type { FloatSource } from "../../random/seeded.ts";
import { type Bucket, LatencyRecorder, type LatencySummary } from "../stats/histogram.ts";
import type { KeyChooser } from "./keys.ts";

export type Operation = "get" | "put" | "insert" | "read-modify-write";

/**
 * How an operation ended. A failed one certainly had no effect; an indeterminate one may surface later
 * (a write that reached some replicas, an answer that never came).
 */
export type RequestOutcome = "ok" | "failed" | "indeterminate";

/** Carries one operation out. `value` is what to write, empty for a get. A rejection ends the load. */
type Send = (operation: Operation, key: string, value: Uint8Array) => Promise<RequestOutcome>;

/** Operations and their shares; they need not add up to 1. */
export type Mix = readonly { readonly operation: Operation; readonly share: number }[];

export type Arrivals =
  | { readonly kind: "closed"; readonly concurrency: number }
  | {
    readonly kind: "open";
    readonly ratePerSecond: number;
    /** At most so many at once: past it arrivals queue here, their latency already running. */
    readonly inFlightMax?: number;
  };

export interface WorkloadOptions {
  readonly mix: Mix;
  readonly arrivals: Arrivals;
  /** Operations measured. */
  readonly count: number;
  /** Operations sent first and not measured. */
  readonly warmup?: number;
  /** Ends early, keeping what there is, after so long. */
  readonly durationMs?: number;
  readonly keys: KeyChooser;
  readonly valueBytes: number;
  readonly send: Send;
  readonly random: FloatSource;
  /** Told of every operation measured: how it ended, and its latency, ms. */
  readonly onMeasured?: (operation: Operation, outcome: RequestOutcome, latencyMs: number) => void;
  /** Told about ten times a second, and at the end. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops sending; what was sent is awaited and kept. */
  readonly signal?: AbortSignal;
  /** Where time comes from; the real clock unless given. */
  readonly clock?: Clock;
}

export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export interface Progress {
  readonly count: number;
  readonly attempted: number;
  readonly ok: number;
  readonly failed: number;
  readonly indeterminate: number;
  readonly elapsedMs: number;
}

export interface LoadResult extends LatencySummary {
  readonly operation: Operation;
  readonly attempted: number;
  readonly ok: number;
  readonly failed: number;
  readonly indeterminate: number;
  readonly elapsedMs: number;
  /** Successful operations; latencies too are of these alone. */
  readonly opsPerSecond: number;
  readonly histogram: readonly Bucket[];
}

interface WorkloadResult {
  /** One a kind of operation, in the order of the mix. */
  readonly operations: readonly LoadResult[];
  readonly elapsedMs: number;
  readonly opsPerSecond: number;
  /** True when it ended before `count` operations. */
  readonly stopped: boolean;
}

const CONCURRENCY_MAX = 10_000;
const COUNT_MAX = 1_000_000_000;
const VALUE_BYTES_MAX = 1_048_576;
const IN_FLIGHT_MAX = 10_000;
const PROGRESS_MS = 100;

/** Runs a workload to its end. Throws {@link RangeError} for options that cannot be. */
export async function runWorkload(options: WorkloadOptions): Promise<WorkloadResult> {
  requireOptions(options);
  const run = new Run(options);
  if (options.arrivals.kind === "closed") {
    const { concurrency } = options.arrivals;
    await Promise.all(Array.from({ length: concurrency }, () => closedClient(run)));
  } else {
    await openArrivals(run, options.arrivals);
  }
  return run.result();
}

/** The intended starts of Poisson arrivals, ms from the first possible moment, without end. */
export function* poissonArrivals(ratePerSecond: number, random: FloatSource): Generator<number> {
  const meanMs = 1_000 / ratePerSecond;
  for (let at = 0;;) yield at += -Math.log(1 - random.float()) * meanMs;
}

/** One of k clients: next when answered. */
async function closedClient(run: Run): Promise<void> {
  for (let operation = run.take(); operation !== null; operation = run.take()) {
    await run.perform(operation, run.clock.now());
  }
}

async function openArrivals(
  run: Run,
  arrivals: { readonly ratePerSecond: number; readonly inFlightMax?: number },
): Promise<void> {
  const inFlight = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  const begunMs = run.clock.now();
  for (const offsetMs of poissonArrivals(arrivals.ratePerSecond, run.options.random)) {
    const intendedMs = begunMs + offsetMs;
    while (run.clock.now() < intendedMs && !run.ended) {
      await run.clock.sleep(Math.min(intendedMs - run.clock.now(), PROGRESS_MS));
    }
    while (inFlight.size >= (arrivals.inFlightMax ?? IN_FLIGHT_MAX)) await Promise.race(inFlight);
    const operation = failure === null ? run.take() : null;
    if (operation === null) break;
    const sent: Promise<void> = run.perform(operation, intendedMs)
      .catch((error) => void (failure ??= { error }))
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
  }
  await Promise.all(inFlight);
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}

interface Drawn {
  readonly operation: Operation;
  readonly key: string;
  readonly value: Uint8Array;
  readonly measured: boolean;
}

/** What the clients of one workload share: what is drawn next, and what came of it. */
class Run {
  readonly clock: Clock;
  private readonly tallies = new Map<Operation, Tally>();
  private readonly warmup: number;
  private readonly startedMs: number;
  private issued = 0;
  private finished = 0;
  private measuredFromMs: number;
  private measuredToMs: number;
  private reportedMs: number;
  private broken = false;

  constructor(readonly options: WorkloadOptions) {
    this.clock = options.clock ?? realClock;
    this.warmup = options.warmup ?? 0;
    for (const { operation } of options.mix) this.tallies.set(operation, new Tally());
    this.startedMs = this.reportedMs = this.clock.now();
    this.measuredFromMs = this.measuredToMs = this.startedMs;
  }

  /** Nothing more is to be sent. */
  get ended(): boolean {
    const { count, durationMs, signal } = this.options;
    if (this.broken || this.issued >= this.warmup + count || signal?.aborted === true) return true;
    return durationMs !== undefined && this.clock.now() - this.startedMs >= durationMs;
  }

  /** The next operation, or null at the end. Draws happen here, in the order of sending. */
  take(): Drawn | null {
    if (this.ended) return null;
    const { keys, random, mix, valueBytes } = this.options;
    const operation = drawOperation(mix, random);
    const key = operation === "insert" ? keys.insert() : keys.next(random);
    const value = operation === "get" ? NOTHING : valueOf(this.issued, valueBytes);
    const measured = this.issued >= this.warmup;
    if (this.issued === this.warmup) this.measuredFromMs = this.clock.now();
    this.issued++;
    return { operation, key, value, measured };
  }

  /** Sends it; latency counts from `fromMs`. */
  async perform(drawn: Drawn, fromMs: number): Promise<void> {
    const { operation, key, value, measured } = drawn;
    let outcome: RequestOutcome;
    try {
      outcome = await this.options.send(operation, key, value);
    } catch (error) {
      this.broken = true;
      throw error;
    }
    const nowMs = this.clock.now();
    if (measured) {
      this.tallies.get(operation)?.count(outcome, nowMs - fromMs);
      this.options.onMeasured?.(operation, outcome, nowMs - fromMs);
      this.measuredToMs = nowMs;
      this.finished++;
    }
    if (nowMs - this.reportedMs >= PROGRESS_MS) this.report(nowMs);
  }

  result(): WorkloadResult {
    this.report(this.clock.now());
    const elapsedMs = this.measuredToMs - this.measuredFromMs;
    const operations = [...this.tallies].map(([operation, tally]) =>
      resultOf(tally, operation, elapsedMs)
    );
    const ok = operations.reduce((sum, each) => sum + each.ok, 0);
    return {
      operations,
      elapsedMs,
      opsPerSecond: perSecond(ok, elapsedMs),
      stopped: this.finished < this.options.count,
    };
  }

  private report(nowMs: number): void {
    this.reportedMs = nowMs;
    if (this.options.onProgress === undefined) return;
    const sums = { attempted: 0, ok: 0, failed: 0, indeterminate: 0 };
    for (const tally of this.tallies.values()) {
      sums.attempted += tally.attempted;
      sums.ok += tally.ok;
      sums.failed += tally.failed;
      sums.indeterminate += tally.indeterminate;
    }
    const elapsedMs = Math.max(0, nowMs - this.measuredFromMs);
    this.options.onProgress({ count: this.options.count, ...sums, elapsedMs });
  }
}

/** How the operations of one kind went. Latencies are of those that succeeded. */
export class Tally {
  ok = 0;
  failed = 0;
  indeterminate = 0;
  readonly latency = new LatencyRecorder();

  get attempted(): number {
    return this.ok + this.failed + this.indeterminate;
  }

  count(outcome: RequestOutcome, latencyMs: number): void {
    this[outcome]++;
    if (outcome === "ok") this.latency.record(Math.max(0, latencyMs));
  }
}

function resultOf(tally: Tally, operation: Operation, elapsedMs: number): LoadResult {
  const { attempted, ok, failed, indeterminate, latency } = tally;
  return {
    operation,
    attempted,
    ok,
    failed,
    indeterminate,
    elapsedMs,
    opsPerSecond: perSecond(ok, elapsedMs),
    ...latency.summary(),
    histogram: latency.buckets(),
  };
}

const NOTHING = new Uint8Array(0);

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
};

function perSecond(count: number, elapsedMs: number): number {
  return elapsedMs > 0 ? count / elapsedMs * 1_000 : 0;
}

/** The next operation of a mix. */
export function drawOperation(mix: Mix, random: FloatSource): Operation {
  const first = mix[0] as Mix[number];
  if (mix.length === 1) return first.operation;
  let left = random.float() * mix.reduce((sum, { share }) => sum + share, 0);
  for (const { operation, share } of mix) {
    left -= share;
    if (left < 0) return operation;
  }
  return first.operation;
}

/** `bytes` printable characters that begin with the operation's number, so that values differ. */
export function valueOf(index: number, bytes: number): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(bytes).fill(0x2e);
  value.set(new TextEncoder().encode(`${index}`).subarray(0, bytes));
  return value;
}

/**
 * What a read-modify-write makes of the values it read: siblings are resolved to the longest, of equally
 * long ones the greatest; of that the first half is replaced by `fresh` and the rest kept.
 */
export function modified(values: readonly string[], fresh: string): string {
  const [current] = values.toSorted((a, b) => b.length - a.length || (a < b ? 1 : -1));
  if (current === undefined) return fresh;
  const half = Math.ceil(fresh.length / 2);
  return fresh.slice(0, half) + current.slice(half);
}

function requireOptions(options: WorkloadOptions): void {
  const { mix, arrivals, count, warmup, valueBytes, durationMs } = options;
  requireWhole("count", count, 0, COUNT_MAX);
  requireWhole("warmup", warmup ?? 0, 0, COUNT_MAX);
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
