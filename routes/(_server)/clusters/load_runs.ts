/**
 * The loads on one cluster. Only one runs at a time, so that it does not disturb the measurements
 * of another. The last results are kept for comparison.
 */
import type { LoadPlan, LoadRunView } from "../../../islands/models/api.ts";
import { RUNS_KEPT } from "../../../islands/models/load_model.ts";
import { keyChooser } from "../../../lib/experiments/workload/keys.ts";
import type { LoadResult, RequestOutcome } from "../../../lib/experiments/workload/tally.ts";
import { runLoad } from "../../../lib/experiments/workload/wall_clock_load.ts";
import { SeededRandom } from "../../../lib/random/seeded.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { LiveCluster } from "./live_cluster.ts";

export type Send = (
  operation: "get" | "put",
  key: string,
  value: Uint8Array,
) => Promise<RequestOutcome>;

/** Makes the function that sends a load's requests: `load_sender.ts`, or a fake one in tests. */
export type LoadSender = (live: LiveCluster, plan: LoadPlan) => Send;

export class LoadRuns {
  #runs: LoadRunView[] = [];
  #lastRun = 0;
  #current: { run: number; abort: AbortController; ended: Promise<void> } | null = null;

  constructor(private readonly live: LiveCluster, private readonly senderFor: LoadSender) {}

  /** Oldest first; a running load is the last. */
  list(): readonly LoadRunView[] {
    return this.#runs;
  }

  find(run: number): LoadRunView {
    const found = this.#runs.find((candidate) => candidate.run === run);
    if (found !== undefined) return found;
    const known = this.#runs.map((candidate) => candidate.run).join(", ");
    throw new ProblemError(
      "not-found",
      `There is no load ${run} on '${this.live.id}': ${
        known === "" ? "there are no loads" : `the known loads are ${known}`
      }`,
    );
  }

  /** Starts a load. Throws a 409 {@link ProblemError} unless the cluster is running and idle. */
  start(plan: LoadPlan): LoadRunView {
    if (this.#current !== null) {
      throw new ProblemError(
        "conflict",
        `Load ${this.#current.run} is running: stop it, or wait until it ends`,
      );
    }
    this.live.requireRunning();
    const send = this.senderFor(this.live, plan);
    const run = ++this.#lastRun;
    const abort = new AbortController();
    this.#record({
      run,
      state: "running",
      plan,
      startedAt: new Date().toISOString(),
      done: 0,
      failed: 0,
      failure: null,
      result: null,
    });
    this.#current = { run, abort, ended: this.#execute(run, plan, send, abort.signal) };
    return this.find(run);
  }

  async #execute(run: number, plan: LoadPlan, send: Send, signal: AbortSignal): Promise<void> {
    // Wait until `start` has returned, so that its caller sees the run before any progress.
    await Promise.resolve();
    try {
      const { operations } = await runLoad({
        mix: [{ operation: plan.operation, share: 1 }],
        arrivals: { kind: "closed", concurrency: plan.concurrency },
        count: plan.count,
        keys: keyChooser(plan.keys, plan.keyCount),
        valueBytes: plan.valueBytes,
        send: (_, key, value) => send(plan.operation, key, value),
        random: SeededRandom.from(`${this.live.id}/load/${run}/${plan.operation}`),
        signal,
        onProgress: ({ attempted, failed, indeterminate }) =>
          this.#change(run, { done: attempted, failed: failed + indeterminate }),
      });
      const result = operations[0] as LoadResult;
      this.#change(run, {
        state: signal.aborted ? "stopped" : "done",
        done: result.attempted,
        failed: result.failed + result.indeterminate,
        result,
      });
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      this.#change(run, { state: "failed", failure });
    } finally {
      this.#current = null;
    }
  }

  #change(run: number, change: Partial<LoadRunView>): void {
    const before = this.#runs.find((candidate) => candidate.run === run);
    if (before !== undefined) this.#record({ ...before, ...change });
  }

  #record(view: LoadRunView): void {
    const others = this.#runs.filter((candidate) => candidate.run !== view.run);
    this.#runs = [...others, view].slice(-RUNS_KEPT);
    this.live.publish({ event: "load", data: view });
  }

  /** Stops a load and returns its measurements so far. No effect if the load has already ended. */
  async stop(run: number): Promise<LoadRunView> {
    this.find(run);
    if (this.#current?.run === run) {
      const { abort, ended } = this.#current;
      abort.abort();
      await ended;
    }
    return this.find(run);
  }

  stopAll(): void {
    this.#current?.abort.abort();
  }

  /** Deletes the results of loads that have ended. */
  clear(): void {
    this.#runs = this.#runs.filter((view) => view.state === "running");
    this.live.publish({ event: "load-cleared", data: {} });
  }
}
