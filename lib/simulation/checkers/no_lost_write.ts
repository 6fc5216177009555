/**
 * Checker 1: no acknowledged write is lost. At the end it, or a write that supersedes it, is on
 * every owner. Exceptions: a delete removed it, or the simulator destroyed its last copy.
 */
import { Deleted } from "./causality.ts";
import { type Checker, type Finding, isExact, labelOf, readable, writesIn } from "./checker.ts";

export const noLostWrite: Checker = {
  name: "no-lost-write",
  about: "at the end, every owner has each acknowledged write or one that supersedes it",
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
          const message = `${labelOf(put)} was acknowledged by ${put.acks.join(", ")}, but ` +
            `${holding.node} has neither it nor a write that supersedes it`;
          findings.push({ message, key, operations: [put.id, ...held] });
        }
      }
    }
    return { examined, findings, excused: excused.size };
  },
};
