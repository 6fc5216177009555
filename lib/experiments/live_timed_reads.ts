/**
 * Timed reads on real processes: as `timed_reads.ts`, over HTTP and the wall clock. A timer never fires
 * when it should, so every read notes its real age, and whoever compares it with a model must ask the
 * model about that age.
 */
import type { SeededRandom } from "../random/seeded.ts";
import { LatencyRecorder } from "./histogram.ts";
import type { LiveCluster } from "./live_cluster.ts";
import { liveGet, livePut, primariesOf } from "./live_requests.ts";

export interface LiveTimedReadsPlan {
  readonly timesMs: readonly number[];
  readonly trials: number;
  /** Trials at once. */
  readonly concurrency: number;
  readonly random: SeededRandom;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

export interface LiveRead {
  /** The t that was meant, and what it came to: from the put's answer to the read's beginning, ms. */
  readonly t: number;
  readonly ageMs: number;
  readonly isLatest: boolean;
}

export interface LiveTimedReads {
  readonly reads: LiveRead[];
  readonly readMs: LatencyRecorder;
  readonly writeMs: LatencyRecorder;
  failed: number;
}

/** Trials that go first and do not count: connections open, code warms up. */
const WARM_UP = 400;

export async function liveTimedReads(
  cluster: LiveCluster,
  plan: LiveTimedReadsPlan,
): Promise<LiveTimedReads> {
  const { random, signal } = plan;
  const warmUp: LiveTimedReads = newFound();
  const found: LiveTimedReads = newFound();
  const pick = (urls: readonly string[]) =>
    urls[Math.floor(random.float() * urls.length)] as string;
  let begun = 0;
  const total = WARM_UP + plan.trials;
  const trial = async (into: LiveTimedReads, timesMs: readonly number[]) => {
    const key = `key-${begun}`;
    const owners = await primariesOf(cluster, key);
    const done = await livePut(pick(owners), key, "v");
    const ackedMs = performance.now();
    if (done.outcome !== "ok") {
      into.failed++;
      return;
    }
    into.writeMs.record(done.tookMs);
    await Promise.all(timesMs.map(async (t) => {
      if (t > 0) await sleepUntil(ackedMs + t);
      const ageMs = performance.now() - ackedMs;
      const read = await liveGet(pick(owners), key);
      if (read.outcome !== "ok") {
        into.failed++;
        return;
      }
      into.readMs.record(read.tookMs);
      into.reads.push({ t, ageMs, isLatest: read.found });
    }));
  };
  const client = async () => {
    while (begun < total && !signal.aborted) {
      if (++begun <= WARM_UP) await trial(warmUp, [0]);
      else await trial(found, plan.timesMs);
      plan.onProgress(begun / total);
    }
  };
  await Promise.all(Array.from({ length: plan.concurrency }, client));
  signal.throwIfAborted();
  return found;
}

function newFound(): LiveTimedReads {
  return { reads: [], readMs: new LatencyRecorder(), writeMs: new LatencyRecorder(), failed: 0 };
}

function sleepUntil(atMs: number): Promise<void> {
  // Timers come about a millisecond late: ask for one less.
  const ms = Math.max(0, atMs - performance.now() - 1);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
