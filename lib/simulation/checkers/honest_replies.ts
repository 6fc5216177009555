/**
 * Checker 9: answers are true. A successful write is durable on W distinct nodes, PW of them
 * primaries. A successful read has answers of R distinct nodes. A write that definitely failed is
 * on no disk. Every operation ends.
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
  about:
    "a successful write is on W nodes, a definitely failed one on none, and every operation ends",
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
    ? `failed definitely (${operation.reason}), but was stored`
    : null;
}

function validateRead({ acks, options: { r } }: Operation): string | null {
  const distinct = new Set(acks).size;
  return distinct < r ? `succeeded with answers of ${distinct} nodes, but R is ${r}` : null;
}

function validateWrite(operation: Operation, evidence: Evidence): string | null {
  const { acks, hints, options: { w, pw, sloppy } } = operation;
  const distinct = new Set(acks);
  if (distinct.size < w) {
    return `succeeded with acknowledgements of ${distinct.size} nodes, but W is ${w}`;
  }
  if (!sloppy && hints.length > 0) {
    const fallbacks = hints.map(({ holder, for: target }) => `${holder} for ${target}`).join(", ");
    return `succeeded under a strict quorum with a copy on a fallback: ${fallbacks}`;
  }
  const holders = new Set(hints.map((hint) => hint.holder));
  const ring = evidence.rings[0];
  const owners = new Set(ring?.primariesOfKey(operation.key) ?? []);
  const primaries = [...distinct].filter((node) => owners.has(node) && !holders.has(node));
  // Only the first epoch is checked: later, it is unknown which nodes were primaries at the time.
  const isInitial = ring === undefined || ring.epochOf(ring.rangeOfKey(operation.key)) === 1;
  if (isInitial && primaries.length < pw) {
    return `succeeded with acknowledgements of ${primaries.length} primaries, but PW is ${pw}`;
  }
  if (ownersCount(evidence) < w) return `succeeded with W = ${w}, but the key has fewer owners`;
  // The other modes drop concurrent writes by design, also acknowledged ones.
  if (operation.kind !== "put" || !isExact(evidence.scenario)) return null;
  const without = [...distinct].filter((node) => !hasCommitted(operation, node, evidence));
  return without.length === 0
    ? null
    : `was acknowledged by ${without.join(", ")}, but was not durable there at that time`;
}

/**
 * Whether the write, or one that supersedes it, was on the node's disk when it was acknowledged.
 */
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
