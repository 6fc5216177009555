/**
 * Checker 2: siblings are exactly the concurrent versions that no other supersedes. A superseded
 * version is neither returned together with its successor nor present at the end. A version that
 * was once durable is still there, unless another one supersedes it.
 */
import { type Causality, Deleted, type KeyWrites } from "./causality.ts";
import {
  type Checker,
  type Evidence,
  type Finding,
  isExact,
  labelOf,
  readable,
  writesIn,
} from "./checker.ts";

export const exactSiblings: Checker = {
  name: "exact-siblings",
  about: "concurrent versions are kept, and superseded versions are removed",
  asserted: isExact,
  check(evidence) {
    const findings: Finding[] = [];
    let examined = 0;
    for (const operation of evidence.history.operations) {
      if (operation.kind !== "get" || operation.returned.length < 2) continue;
      examined++;
      const pair = supersededPair(operation.returned, evidence.causality);
      if (pair === null) continue;
      findings.push({
        message: `${labelOf(operation)} returned write #${pair[1]} together with #${pair[0]}, ` +
          `which supersedes it`,
        key: operation.key,
        operations: [operation.id, ...pair],
      });
    }
    for (const [key, writes] of evidence.writes) {
      examined += writes.puts.length;
      findings.push(...survivors(key, writes, evidence), ...dropped(key, writes, evidence));
    }
    return { examined, findings };
  },
};

/** Two of these writes, of which the first supersedes the second; null if there are none. */
function supersededPair(
  writes: readonly number[],
  causality: Causality,
): readonly [number, number] | null {
  for (const later of writes) {
    for (const earlier of writes) {
      if (causality.covers(later, earlier)) return [later, earlier];
    }
  }
  return null;
}

/** Writes that are still there although a write that took effect supersedes them. */
function survivors(key: string, { puts }: KeyWrites, evidence: Evidence): Finding[] {
  const { causality, final, history, record } = evidence;
  const effective = puts.filter((put) => put.outcome === "ok" || record.surfaced(put.id))
    .filter((put) => !record.excused.has(put.id));
  const past = causality.pastOf(effective.map((put) => put.id));
  return readable(final.get(key)).flatMap((holding) =>
    writesIn(holding, history).filter((id) => past.has(id)).map((id) => ({
      message: `${labelOf(history.get(id))} is still on ${holding.node}, although a write that ` +
        `supersedes it took effect`,
      key,
      operations: [id, ...effective.filter((p) => causality.covers(p.id, id)).map((p) => p.id)],
    }))
  );
}

/**
 * Unacknowledged writes that were durable on some node and are gone, though no other write
 * supersedes them. Checker 1 (`no_lost_write.ts`) reports acknowledged ones.
 */
function dropped(key: string, { puts, deletes }: KeyWrites, evidence: Evidence): Finding[] {
  const { causality, final, history, record } = evidence;
  const deleted = new Deleted(causality, deletes.filter((each) => each.outcome !== "failed"));
  return readable(final.get(key)).flatMap((holding) => {
    const held = new Set(writesIn(holding, history));
    const superseded = causality.pastOf(held);
    return puts
      .filter((put) => put.outcome !== "ok" && record.surfaced(put.id))
      .filter((put) => !held.has(put.id) && !superseded.has(put.id))
      .filter((put) => !deleted.has(put) && !record.excused.has(put.id))
      .map((put) => ({
        message: `${labelOf(put)} was durable on a node, but ${holding.node} has neither it nor ` +
          `a write that supersedes it`,
        key,
        operations: [put.id, ...held],
      }));
  });
}
