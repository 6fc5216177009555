/**
 * Checker 6: deleted stays deleted. Whatever the client of an acknowledged delete had seen is gone in
 * the end; so is, after a delete without context, whatever its coordinator must have read.
 */
import type { Operation } from "../workload/history.ts";
import {
  type Checker,
  type Evidence,
  type Finding,
  isExact,
  labelOf,
  ownersCount,
  writesIn,
} from "./checker.ts";

export const deletedStaysDeleted: Checker = {
  name: "deleted-stays-deleted",
  about: "what an acknowledged delete had seen does not come back",
  asserted: isExact,
  check(evidence) {
    const { history, causality, writes, final } = evidence;
    const findings: Finding[] = [];
    let examined = 0;
    for (const [key, { deletes }] of writes) {
      const acknowledged = deletes.filter((each) => each.outcome === "ok");
      if (acknowledged.length === 0) continue;
      examined += acknowledged.length;
      const present = new Set((final.get(key) ?? []).flatMap((each) => writesIn(each, history)));
      for (const id of present) {
        const by = acknowledged.find((each) =>
          causality.covers(each.id, id) ||
          (each.blind && mustHaveRead(each, history.get(id), evidence))
        );
        if (by === undefined) continue;
        findings.push({
          message: `${labelOf(history.get(id))} is there in the end, although ${labelOf(by)} ` +
            `was acknowledged`,
          key,
          operations: [id, by.id],
        });
      }
    }
    return { examined, findings };
  },
};

/** The quorums of the write and of the delete's own read share a node, and none lost its disk. */
function mustHaveRead(deletion: Operation, put: Operation, evidence: Evidence): boolean {
  return !put.options.sloppy && !deletion.options.sloppy &&
    put.outcome === "ok" && put.endedAt <= deletion.startedAt &&
    put.options.w + deletion.options.r > ownersCount(evidence) &&
    !evidence.record.destructions.some((each) => each.key === put.key);
}
