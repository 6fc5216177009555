/**
 * The state of the load panel: the form's fields, the current run, and the finished runs to compare.
 * It keeps as many runs as the server does.
 */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { LoadPlan, LoadRunView, Problem } from "./api.ts";
import type { ClusterApi } from "./cluster_api.ts";
import { type Overlay, overlayOf } from "./histogram.ts";

/** The number of finished runs that are kept for each cluster. */
export const RUNS_KEPT = 12;

/** The load of the original simulator's client: 1000 requests, 10 at a time. */
export const DEFAULT_PLAN: LoadPlan = {
  operation: "put",
  count: 1_000,
  concurrency: 10,
  keys: "uniform",
  keyCount: 1_000,
  valueBytes: 100,
  to: "any",
};

export class LoadModel {
  readonly plan = signal<LoadPlan>(DEFAULT_PLAN);
  readonly problem = signal<Problem | null>(null);
  readonly busy = signal(false);
  readonly runs;
  /** Runs that are not drawn. */
  readonly hidden = signal<ReadonlySet<number>>(new Set());
  readonly current: ReadonlySignal<LoadRunView | null>;
  readonly finished: ReadonlySignal<readonly LoadRunView[]>;
  readonly overlay: ReadonlySignal<Overlay | null>;
  readonly #api: ClusterApi;

  constructor(api: ClusterApi, runs: readonly LoadRunView[]) {
    this.#api = api;
    this.runs = signal(runs);
    this.current = computed(() => this.runs.value.find((run) => run.state === "running") ?? null);
    this.finished = computed(() => this.runs.value.filter((run) => run.state !== "running"));
    const shown = computed(() =>
      this.finished.value.filter((run) => !this.hidden.value.has(run.run))
    );
    this.overlay = computed(() => overlayOf(shown.value));
  }

  change(change: Partial<LoadPlan>): void {
    this.plan.value = { ...this.plan.value, ...change };
  }

  async start(): Promise<void> {
    if (this.busy.value) return;
    this.busy.value = true;
    const answer = await this.#api.startLoad(this.plan.value);
    batch(() => {
      this.busy.value = false;
      this.problem.value = answer.ok ? null : answer.problem;
      // The event stream may already have reported the run, even its end. Do not overwrite that.
      if (answer.ok && !this.runs.value.some((run) => run.run === answer.value.run)) {
        this.update(answer.value);
      }
    });
  }

  async stop(run: number): Promise<void> {
    const answer = await this.#api.stopLoad(run);
    this.problem.value = answer.ok ? null : answer.problem;
  }

  async clear(): Promise<void> {
    const answer = await this.#api.clearLoads();
    batch(() => {
      this.problem.value = answer.ok ? null : answer.problem;
      if (answer.ok) this.forgetFinished();
    });
  }

  /** Takes in the server's latest report on a run. */
  update(run: LoadRunView): void {
    const known = this.runs.value.filter((other) => other.run !== run.run);
    const runs = [...known, run].sort((a, b) => a.run - b.run);
    const excess = runs.filter((other) => other.state !== "running").length - RUNS_KEPT;
    const forgotten = new Set(
      runs.filter((other) => other.state !== "running").slice(0, Math.max(0, excess)),
    );
    this.runs.value = runs.filter((other) => !forgotten.has(other));
  }

  forgetFinished(): void {
    this.runs.value = this.runs.value.filter((run) => run.state === "running");
    this.hidden.value = new Set();
  }

  toggle(run: number): void {
    const hidden = new Set(this.hidden.value);
    if (!hidden.delete(run)) hidden.add(run);
    this.hidden.value = hidden;
  }
}
