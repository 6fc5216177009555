/**
 * A change of the membership as its page goes through it: asked for, shown as a plan, committed or let
 * be. What moves afterwards comes by the event stream, with everything else.
 */
import { batch, signal } from "@preact/signals";
import type { ChangePlan, Problem, TransfersView } from "./api.ts";
import type { ClusterApi, WantedChange } from "./cluster_api.ts";

/** A change with its plan. */
export interface PlannedChange {
  readonly change: WantedChange;
  readonly plan: ChangePlan;
}

/** What the server has to show already. */
export interface ChangeStart {
  readonly planned: PlannedChange | null;
  readonly problem: Problem | null;
}

export const NO_CHANGE: ChangeStart = { planned: null, problem: null };

export class ChangeModel {
  readonly planned;
  readonly problem;
  /** Which of the two is under way. */
  readonly busy = signal<"plan" | "commit" | null>(null);
  /** The change that was asked for last. */
  readonly asked = signal<WantedChange | null>(null);
  /** What was last committed, until the next plan. */
  readonly committed = signal<ChangePlan | null>(null);
  readonly #api: ClusterApi;
  /** All that the committed change moves has moved. */
  #isOver = false;

  constructor(api: ClusterApi, start: ChangeStart = NO_CHANGE) {
    this.#api = api;
    this.planned = signal(start.planned);
    this.problem = signal(start.problem);
  }

  /** Asks what the change would mean. */
  async ask(change: WantedChange): Promise<void> {
    if (this.busy.value !== null) return;
    batch(() => {
      this.busy.value = "plan";
      this.asked.value = change;
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

  /** Makes the change that is shown. */
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

  /** What moves after a change is over moves for another one, made elsewhere. */
  follow(transfers: TransfersView): void {
    const rests = progressOf(transfers) === null;
    if (!rests && this.#isOver) this.committed.value = null;
    this.#isOver = rests && this.committed.value !== null;
  }

  /** Lets it be. */
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
export function changeInWords({ act, comes, goes }: ChangePlan): string {
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

/** Before and after, node by node, in the order of their names. */
export interface BalanceRow {
  readonly id: string;
  /** Partitions for which it comes first. */
  readonly first: readonly [before: number, after: number];
  /** Partitions of which it keeps one of the replicas. */
  readonly replicas: readonly [before: number, after: number];
}

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

/** How many ranges the plan touches; a range can change more than one of its owners. */
export function rangesTouched({ moves }: ChangePlan): number {
  return new Set(moves.map(({ range }) => range)).size;
}

/** How much is done, 0 … 1; null: nothing moves. */
export function progressOf({ left, most, leaving }: TransfersView): number | null {
  if (left === 0 && leaving.length === 0) return null;
  return most === 0 ? 1 : 1 - left / most;
}
