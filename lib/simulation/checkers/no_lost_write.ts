/**
 * Checker 1: no acknowledged write is lost. In the end its value, or one whose writer had seen it,
 * is on every owner; unless a delete that had seen it took it away, or the simulator destroyed its last copy.
 */
import { Deleted } from "./causality.ts";
import { type Checker, type Finding, isExact, labelOf, readable, writesIn } from "./checker.ts";

export const noLostWrite: Checker = {
  name: "no-lost-write",
  about: "an acknowledged write, or one that supersedes it, is on every owner in the end",
  asserted: isExact,
  check({ history, causality, writes, final, record }) {
    const findings: Finding[] = [];
    let examined = 0;
    const excused = new Set<number>();
    for (const [key, { puts, deletes }] of writes) {
      const deleted = new Deleted(causality, deletes.filter((each) => each.outcome !== "failed"));
      for (const holding of readable(final.get(key))) {
        const held = new Set(writesIn(holding, history));
        const superseded = causality.pastOf(held);
        for (const put of puts) {
          if (put.outcome !== "ok") continue;
          examined++;
          if (held.has(put.id) || superseded.has(put.id) || deleted.has(put)) continue;
          if (record.excused.has(put.id)) {
            excused.add(put.id);
            continue;
          }
          const message = `${labelOf(put)} was acknowledged by ${put.acks.join(", ")}, and ` +
            `${holding.node} has neither it nor anything that supersedes it`;
          findings.push({ message, key, operations: [put.id, ...held] });
        }
      }
    }
    return { examined, findings, excused: excused.size };
  },
};
