/**
 * Checker 10, for all quorums: a node without faults answers every request, with a result or an
 * error. When the answer to a put must be a success: `always_writeable.ts`.
 */
import { isLinkFault } from "../faults/fault_driver.ts";
import { CLIENTS, endOf, type Fault } from "../faults/faults.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import type { Operation } from "../workload/history.ts";
import { always, type Checker, type Finding, labelOf } from "./checker.ts";

export const answersInTime: Checker = {
  name: "answers-in-time",
  about: "a node without faults answers every request within its timeout",
  asserted: always,
  check({ scenario, history }) {
    const findings: Finding[] = [];
    let examined = 0;
    for (const operation of history.operations) {
      if (scenario.faults.some((fault) => affects(fault, operation))) continue;
      examined++;
      if (operation.reason !== "no answer") continue;
      const message = `${labelOf(operation)} got no answer from ${operation.node}, ` +
        `although no fault affected that node`;
      findings.push({ message, key: operation.key, operations: [operation.id] });
    }
    return { examined, findings };
  },
};

/** Whether the fault can prevent the node from answering the operation. */
function affects(fault: Fault, operation: Operation): boolean {
  const begins = fault.atMs * US_PER_MS;
  const ends = endOf(fault) * US_PER_MS;
  if (begins > operation.endedAt || ends < operation.startedAt) return false;
  if (!isLinkFault(fault)) return fault.node === operation.node && !fault.kind.startsWith("disk-");
  const isNamed = (names: readonly string[] | undefined) => names?.includes(CLIENTS) ?? false;
  if (fault.kind === "partition") return fault.groups.some(isNamed);
  return isNamed(fault.from) || isNamed(fault.to);
}
