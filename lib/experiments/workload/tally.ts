/**
 * The results of the operations of one kind: the outcomes, and the latencies of successful ones.
 */
import { type Bucket, LatencyRecorder, type LatencySummary } from "../stats/histogram.ts";
import type { Operation } from "./mixes.ts";

/**
 * How an operation ended. A failed one certainly had no effect. An indeterminate one may still take
 * effect later: a write that reached some replicas, or an answer that never came.
 */
export type RequestOutcome = "ok" | "failed" | "indeterminate";

interface Counts {
  readonly attempted: number;
  readonly ok: number;
  readonly failed: number;
  readonly indeterminate: number;
}

export interface Progress extends Counts {
  /** Operations to measure in all. */
  readonly count: number;
  readonly elapsedMs: number;
}

/** Latencies and the rate are those of successful operations. */
export interface LoadResult extends Counts, LatencySummary {
  readonly operation: Operation;
  readonly elapsedMs: number;
  readonly opsPerSecond: number;
  readonly histogram: readonly Bucket[];
}

export class Tally implements Counts {
  ok = 0;
  failed = 0;
  indeterminate = 0;
  /** Of successful operations. */
  readonly latency = new LatencyRecorder();

  get attempted(): number {
    return this.ok + this.failed + this.indeterminate;
  }

  count(outcome: RequestOutcome, latencyMs: number): void {
    this[outcome]++;
    if (outcome === "ok") this.latency.record(Math.max(0, latencyMs));
  }

  result(operation: Operation, elapsedMs: number): LoadResult {
    const { attempted, ok, failed, indeterminate, latency } = this;
    return {
      operation,
      attempted,
      ok,
      failed,
      indeterminate,
      elapsedMs,
      opsPerSecond: elapsedMs > 0 ? ok / elapsedMs * 1_000 : 0,
      ...latency.summary(),
      histogram: latency.buckets(),
    };
  }
}
