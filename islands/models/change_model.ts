/**
 * A change of the membership on its page: requested, shown as a plan, then committed or cancelled. The
 * event stream reports the moves that follow.
 */
import { batch, signal } from "@preact/signals";
import type { ChangePlan, Problem, TransfersView } from "./api.ts";
import type { ClusterApi, WantedChange } from "./cluster_api.ts";

/** A change with its plan. */
export interface PlannedChange {
  readonly change: WantedChange;
  readonly plan: ChangePlan;
}

/** The state that the server rendered. */
export interface ChangeStart {
  readonly planned: PlannedChange | null;
  readonly problem: Problem | null;
}

export const NO_CHANGE: ChangeStart = { planned: null, problem: null };

export class ChangeModel {
  readonly planned;
  readonly problem;
  /** The call in progress. */
  readonly busy = signal<"plan" | "commit" | null>(null);
  /** The change that was requested last. */
  readonly requested = signal<WantedChange | null>(null);
  /** The plan that was committed last, until the next one is requested. */
  readonly committed = signal<ChangePlan | null>(null);
  readonly #api: ClusterApi;
  /** Whether the committed change has moved everything that it moves. */
  #isComplete = false;

  constructor(api: ClusterApi, start: ChangeStart = NO_CHANGE) {
    this.#api = api;
    this.planned = signal(start.planned);
    this.problem = signal(start.problem);
  }

  /** Requests the plan of the change. */
  async plan(change: WantedChange): Promise<void> {
    if (this.busy.value !== null) return;
    batch(() => {
      this.busy.value = "plan";
      this.requested.value = change;
      this.planned.value = null;
      this.problem.value = null;
      this.committed.value = null;
    });
    const answer = await this.#api.planChange(change);
    batch(() => {
      this.busy.value = null;
      if (answer.ok) this.planned.value = { change, plan: answer.value };
      else this.problem.value = answer.problem;
    });
  }

  /** Commits the plan that is shown. */
  async commit(): Promise<void> {
    const planned = this.planned.value;
    if (planned === null || this.busy.value !== null) return;
    batch(() => {
      this.busy.value = "commit";
      this.problem.value = null;
    });
    const answer = await this.#api.commitChange(planned.change, planned.plan.planId);
    batch(() => {
      this.busy.value = null;
      this.planned.value = null;
      if (answer.ok) this.committed.value = answer.value;
      else this.problem.value = answer.problem;
    });
  }

  /** Takes in the progress of the moves. Moves after the change is complete belong to another change. */
  follow(transfers: TransfersView): void {
    const isIdle = progressOf(transfers) === null;
    if (!isIdle && this.#isComplete) this.committed.value = null;
    this.#isComplete = isIdle && this.committed.value !== null;
  }

  /** Discards the plan that is shown. */
  async cancel(): Promise<void> {
    const planned = this.planned.value;
    if (planned === null || this.busy.value !== null) return;
    batch(() => {
      this.planned.value = null;
      this.problem.value = null;
    });
    await this.#api.discardPlan(planned.plan.planId);
  }
}

/** "n6 joins", "n2 leaves", "n7 replaces n3". */
export function describeChange({ act, comes, goes }: ChangePlan): string {
  switch (act) {
    case "join":
      return `${comes} joins`;
    case "leave":
      return `${goes} leaves`;
    case "remove":
      return `${goes} is removed`;
    case "replace":
      return `${comes} replaces ${goes}`;
  }
}

/** A node's partitions before and after a change. */
export interface BalanceRow {
  readonly id: string;
  /** Number of partitions for which the node is first in the preference list. */
  readonly first: readonly [before: number, after: number];
  /** Number of partitions of which the node stores a replica. */
  readonly replicas: readonly [before: number, after: number];
}

/** One row for each node, sorted by the number at the end of its name. */
export function balanceRows({ balance: { before, after } }: ChangePlan): BalanceRow[] {
  const ids = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return ids.toSorted((a, b) => numberIn(a) - numberIn(b) || (a < b ? -1 : 1)).map((id) => ({
    id,
    first: [before[id]?.tokens ?? 0, after[id]?.tokens ?? 0],
    replicas: [before[id]?.ranges ?? 0, after[id]?.ranges ?? 0],
  }));
}

function numberIn(id: string): number {
  return Number(/\d+$/.exec(id)?.[0] ?? 0);
}

/** How many ranges the plan changes; several owners of one range can change. */
export function rangesTouched({ moves }: ChangePlan): number {
  return new Set(moves.map(({ range }) => range)).size;
}

/** The completed share of the moves, 0 … 1; null if nothing moves. */
export function progressOf({ left, most, leaving }: TransfersView): number | null {
  if (left === 0 && leaving.length === 0) return null;
  return most === 0 ? 1 : 1 - left / most;
}
