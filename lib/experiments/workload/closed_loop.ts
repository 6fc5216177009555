/**
 * The plainest workload: one kind of operation, k clients, each sends its next when the last was
 * answered. What the original Dynamo Simulator's client page did with its "batches of 10".
 */
import type { FloatSource } from "../../random/seeded.ts";
import type { KeyChooser } from "./keys.ts";
import { type LoadResult, type Progress, type RequestOutcome, runWorkload } from "./workload.ts";

export type { LoadResult, Progress, RequestOutcome } from "./workload.ts";

interface ClosedLoopOptions {
  readonly operation: "get" | "put";
  /** Operations in all. */
  readonly count: number;
  /** Clients at a time. */
  readonly concurrency: number;
  readonly keys: KeyChooser;
  readonly valueBytes: number;
  /** Carries one out; a rejection ends the load. */
  readonly send: (
    operation: "get" | "put",
    key: string,
    value: Uint8Array,
  ) => Promise<RequestOutcome>;
  readonly random: FloatSource;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Runs to the end, or until the signal; keeps what there is. Throws for options that cannot be. */
export async function runClosedLoop(options: ClosedLoopOptions): Promise<LoadResult> {
  const { operation, concurrency, send, ...rest } = options;
  const result = await runWorkload({
    ...rest,
    mix: [{ operation, share: 1 }],
    arrivals: { kind: "closed", concurrency },
    send: (_, key, value) => send(operation, key, value),
  });
  return result.operations[0] as LoadResult;
}
