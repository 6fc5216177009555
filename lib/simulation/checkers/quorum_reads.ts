/**
 * Checker 4: with a strict quorum (R + W > N, not sloppy), a read returns every write that was
 * acknowledged before the read began, or a write that supersedes it. It returns no write that such
 * a write supersedes. Linearizability is not required.
 *
 * It is enough to look for the acknowledged writes that no other acknowledged write supersedes: a
 * read that returns these, or writes that supersede them, supersedes all others too.
 *
 * A replica whose copy was destroyed (by a new disk, an older one, or damage) answers no reads of
 * the key until it has recovered from the other replicas. So a read must return each write that was
 * acknowledged by more nodes than lost their copy.
 */
import type { RunRecord } from "../run_record.ts";
import type { Operation } from "../workload/history.ts";
import type { Causality } from "./causality.ts";
import { type Checker, type Finding, isExact, labelOf, ownersCount } from "./checker.ts";

export const quorumReads: Checker = {
  name: "quorum-reads",
  about:
    "with R + W > N and strict quorums, a read returns all writes acknowledged before it began",
  asserted: isExact,
  check(evidence) {
    const findings: Finding[] = [];
    let examined = 0;
    const successful = evidence.history.operations
      .filter((each) => each.kind === "get" && each.outcome === "ok" && !each.options.sloppy);
    const readsByKey = Map.groupBy(successful, (each) => each.key);
    const lost = copiesLost(evidence.record);
    for (const [key, { puts, deletes }] of evidence.writes) {
      const nodesLost = lost.get(key) ?? 0;
      const reads = readsByKey.get(key) ?? [];
      for (const r of new Set(reads.map((each) => each.options.r))) {
        const wMin = ownersCount(evidence) - r + 1;
        const strict = [...puts, ...deletes].filter((each) =>
          each.outcome === "ok" && !each.options.sloppy && each.options.w >= wMin &&
          each.options.w > nodesLost
        );
        const ofR = reads.filter((each) => each.options.r === r);
        examined += ofR.length;
        findings.push(...checkReads(ofR, strict, deletes, evidence.causality));
      }
    }
    return { examined, findings };
  },
};

/** For each key, the number of nodes whose copy was destroyed. */
function copiesLost(record: RunRecord): Map<string, number> {
  const byKey = Map.groupBy(record.destructions, (each) => each.key);
  return new Map(
    [...byKey].map(([key, all]) => [key, new Set(all.map((each) => each.node)).size]),
  );
}

function checkReads(
  reads: readonly Operation[],
  acknowledged: readonly Operation[],
  deletes: readonly Operation[],
  causality: Causality,
): Finding[] {
  const findings: Finding[] = [];
  const byEnd = acknowledged.toSorted((a, b) => a.endedAt - b.endedAt);
  const byStart = reads.toSorted((a, b) => a.startedAt - b.startedAt);
  const frontier = new Set<Operation>();
  let next = 0;
  for (const read of byStart) {
    for (; next < byEnd.length; next++) {
      const write = byEnd[next] as Operation;
      // Of two that share a moment it is not known which came first.
      if (write.endedAt >= read.startedAt) break;
      for (const other of frontier) {
        if (causality.covers(write.id, other.id)) frontier.delete(other);
      }
      if (![...frontier].some((other) => causality.covers(other.id, write.id))) frontier.add(write);
    }
    const finding = checkRead(read, frontier, deletes, causality);
    if (finding !== null) findings.push(finding);
  }
  return findings;
}

function checkRead(
  read: Operation,
  frontier: ReadonlySet<Operation>,
  deletes: readonly Operation[],
  causality: Causality,
): Finding | null {
  for (const write of frontier) {
    for (const id of read.returned) {
      if (causality.covers(write.id, id)) {
        return findingOf(
          read,
          [id, write.id],
          `returned write #${id}, although ${labelOf(write)}, ` +
            `which supersedes it, was acknowledged before the read began`,
        );
      }
    }
    if (write.kind === "delete") continue;
    const found = read.returned.some((id) => id === write.id || causality.covers(id, write.id));
    if (!found && !mayBeDeleted(write, read, deletes, causality)) {
      return findingOf(
        read,
        [write.id],
        `did not return ${labelOf(write)}, which was acknowledged before the read began`,
      );
    }
  }
  return null;
}

function findingOf(read: Operation, others: readonly number[], what: string): Finding {
  return {
    message: `${labelOf(read)} at R=${read.options.r} ${what}`,
    key: read.key,
    operations: [read.id, ...others],
  };
}

/** Whether a delete that began before the end of the read may have removed the write. */
function mayBeDeleted(
  write: Operation,
  read: Operation,
  deletes: readonly Operation[],
  causality: Causality,
): boolean {
  return deletes.some((each) =>
    each.outcome !== "failed" && each.startedAt < read.endedAt &&
    (each.blind ? endOfEffects(each) > write.startedAt : causality.covers(each.id, write.id))
  );
}

/** When the operation can no longer take effect: never, if it was not answered. */
function endOfEffects(operation: Operation): number {
  return operation.outcome === "ok" ? operation.endedAt : Infinity;
}
