/** Example events and runs of the API, for the tests of the pages' models. */
import type { LoadRunView, ProtocolEvent } from "../islands/models/api.ts";
import { DEFAULT_PLAN } from "../islands/models/load_model.ts";
import { LatencyRecorder } from "../lib/experiments/stats/histogram.ts";

type RequestEvent = Extract<ProtocolEvent, { type: "request" }>;

/** A get of `k` through n1 with R = 2 and three replicas. */
export function requestEvent(change: Partial<RequestEvent> = {}): RequestEvent {
  return {
    type: "request",
    method: "get",
    key: "k",
    outcome: "ok",
    tookUs: 9_000,
    needed: 2,
    node: "n1",
    at: 1_700_000_000_000,
    replicas: [
      { node: "n1", primary: true, outcome: "answered", sentUs: 0, answeredUs: 400 },
      { node: "n2", primary: true, outcome: "answered", sentUs: 100, answeredUs: 9_000 },
      { node: "n3", primary: true, outcome: "answered", sentUs: 100, answeredUs: 2_100 },
    ],
    ...change,
  };
}

/** A finished run with these latencies, in ms. */
export function runOf(run: number, operation: "get" | "put", latencies: number[]): LoadRunView {
  const recorder = new LatencyRecorder();
  for (const ms of latencies) recorder.record(ms);
  return {
    run,
    state: "done",
    plan: { ...DEFAULT_PLAN, operation },
    startedAt: "2026-01-01T00:00:00.000Z",
    done: latencies.length,
    failed: 0,
    failure: null,
    result: {
      attempted: latencies.length,
      ok: latencies.length,
      failed: 0,
      indeterminate: 0,
      elapsedMs: 1,
      opsPerSecond: 1,
      ...recorder.summary(),
      histogram: recorder.buckets(),
    },
  };
}
