/**
 * The changes of one record that are under way: those that wait, and those that were applied and
 * wait for the store. `LocalRecords` moves them on.
 */
import { type Position, positionOf } from "../ring/position.ts";
import type { DynamoError } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { HintChange, StoredRecord } from "../types/records.ts";
import type { CausalContext, Siblings } from "../versions/versions.ts";
import type { Change, StorageCompletion } from "./record_changes.ts";

export interface Applied {
  readonly change: Change;
  readonly context: CausalContext | null;
  readonly refusal: DynamoError | null;
}

/** A key that is being changed, or was recently. */
export interface Work {
  readonly key: string;
  readonly position: Position;
  phase: "idle" | "loading" | "storing";
  record: StoredRecord;
  /** The record as the disk has it, or will have it when the store under way is done. */
  stored: StoredRecord | null;
  /** The siblings on the disk before the store under way; null when they could not be read. */
  before: Siblings | null;
  applied: Applied[];
  /** Whether the store under way holds writes that were already acknowledged. */
  isBuffered: boolean;
  /** How the store under way changes the index of hints. */
  hints: HintChange | null;
  waiting: Change[];
}

export function idleWork(key: string): Work {
  return {
    key,
    position: positionOf(key),
    phase: "idle",
    record: { key, siblings: [] },
    stored: null,
    before: [],
    applied: [],
    isBuffered: false,
    hints: null,
    waiting: [],
  };
}

/** The targets to which this record was delivered. */
export function deliveredBy(applied: readonly Applied[]): NodeId[] {
  const targets: NodeId[] = [];
  for (const { change } of applied) {
    if (change.kind === "hint-done") targets.push(change.target);
  }
  return targets;
}

/** Outcomes of all applied changes: they are stored, or needed no store. */
export function settle(work: Work): StorageCompletion[] {
  const { key, record, applied } = work;
  work.applied = [];
  return applied.map(({ change, context, refusal }): StorageCompletion =>
    refusal === null
      ? { kind: "changed", change, key, siblings: record.siblings, context }
      : { kind: "change-failed", change, key, error: refusal }
  );
}

/** Outcomes of the changes that are acknowledged from memory; the others wait for the store. */
export function settleBuffered(work: Work): StorageCompletion[] {
  const { key, record } = work;
  const early = work.applied.filter(({ change, refusal }) =>
    isBuffered(change) && refusal === null
  );
  if (early.length === 0) return [];
  work.isBuffered = true;
  work.applied = work.applied.filter((applied) => !early.includes(applied));
  return early.map(({ change, context }): StorageCompletion => ({
    kind: "changed",
    change,
    key,
    siblings: record.siblings,
    context,
  }));
}

function isBuffered(change: Change): boolean {
  return (change.kind === "write" || change.kind === "merge") && change.buffered === true;
}
