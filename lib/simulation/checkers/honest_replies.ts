/**
 * Checker 9: answers mean what they say. A write that is called successful is durable on W distinct
 * nodes, PW of them primaries; a read was answered by R distinct nodes; what certainly failed never
 * surfaces; and every operation ends.
 */
import type { Operation } from "../workload/history.ts";
import {
  type Checker,
  type Evidence,
  type Finding,
  isExact,
  labelOf,
  ownersCount,
} from "./checker.ts";

export const honestReplies: Checker = {
  name: "honest-replies",
  about: "success means W nodes have it, failure that none ever will, and every operation ends",
  asserted: () => true,
  check(evidence) {
    const findings: Finding[] = [];
    for (const operation of evidence.history.operations) {
      const finding = problemWith(operation, evidence);
      if (finding === null) continue;
      const message = `${labelOf(operation)} ${finding}`;
      findings.push({ message, key: operation.key, operations: [operation.id] });
    }
    return { examined: evidence.history.size, findings };
  },
};

function problemWith(operation: Operation, evidence: Evidence): string | null {
  switch (operation.outcome) {
    case "pending":
      return "never ended";
    case "indeterminate":
      return null;
    case "failed":
      return validateFailure(operation, evidence);
    case "ok":
      return operation.kind === "get"
        ? validateRead(operation)
        : validateWrite(operation, evidence);
  }
}

function validateFailure(operation: Operation, { record }: Evidence): string | null {
  return operation.kind === "put" && record.surfaced(operation.id)
    ? `was refused for certain (${operation.reason}), and was stored all the same`
    : null;
}

function validateRead({ acks, options: { r } }: Operation): string | null {
  const distinct = new Set(acks).size;
  return distinct < r ? `succeeded with ${distinct} answers, though R was ${r}` : null;
}

function validateWrite(operation: Operation, evidence: Evidence): string | null {
  const { acks, hints, options: { w, pw, sloppy } } = operation;
  const distinct = new Set(acks);
  if (distinct.size < w) {
    return `succeeded with ${distinct.size} acknowledgements, though W was ${w}`;
  }
  if (!sloppy && hints.length > 0) {
    const stoodIn = hints.map(({ holder, for: target }) => `${holder} for ${target}`).join(", ");
    return `succeeded under a strict quorum with a copy that is no owner's: ${stoodIn}`;
  }
  const holders = new Set(hints.map((hint) => hint.holder));
  const ring = evidence.rings[0];
  const owners = new Set(ring?.primariesOfKey(operation.key) ?? []);
  const primaries = [...distinct].filter((node) => owners.has(node) && !holders.has(node));
  // Once owners have changed, who was a primary at the time is not known any more.
  const isInitial = ring === undefined || ring.epochOf(ring.rangeOfKey(operation.key)) === 1;
  if (isInitial && primaries.length < pw) {
    return `succeeded with ${primaries.length} primaries, though PW was ${pw}`;
  }
  if (ownersCount(evidence) < w) return `succeeded with more acknowledgements than owners`;
  // The other modes drop concurrent writes by design, and acknowledge what they dropped.
  if (operation.kind !== "put" || !isExact(evidence.scenario)) return null;
  const without = [...distinct].filter((node) => !hasCommitted(operation, node, evidence));
  return without.length === 0
    ? null
    : `was acknowledged by ${without.join(", ")}, where it was not durable by then`;
}

/** The node had the write, or one that supersedes it, on its disk when the client heard of it. */
function hasCommitted(put: Operation, node: string, evidence: Evidence): boolean {
  const { record, causality, writes, nodes } = evidence;
  const index = nodes.indexOf(node);
  const byThen = (id: number) => (record.committedAt(id, index) ?? Infinity) <= put.endedAt;
  if (byThen(put.id)) return true;
  const { puts = [], deletes = [] } = writes.get(put.key) ?? {};
  return puts.some((other) => byThen(other.id) && causality.covers(other.id, put.id)) ||
    deletes.some((each) =>
      each.outcome !== "failed" && (each.blind || causality.covers(each.id, put.id)) &&
      each.startedAt < put.endedAt
    );
}
