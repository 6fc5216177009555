/**
 * Turns the simple fields of `/faults`, such as `drop`, into faults of links, so that one mechanism
 * (`link_faults.ts`) judges every message. Only `latency` is separate: its `remote` part depends on the
 * zones of the nodes, which can change (`faulty_calls.ts`).
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { FaultSettings } from "./fault_settings.ts";
import type { LastingLinkFault } from "./link_faults.ts";

/** Faults of links, grouped by the counter that they are reported under. */
interface LinkRules {
  /** For calls that the node makes and their answers, in the order in which they are applied. */
  readonly calls: {
    readonly cut: readonly LastingLinkFault[];
    readonly chance: readonly LastingLinkFault[];
    readonly links: readonly LastingLinkFault[];
  };
  /** For peers' calls to the node. */
  readonly incoming: readonly LastingLinkFault[];
}

export function linkRulesOf(settings: FaultSettings, self: NodeId): LinkRules {
  const { drop, duplicate, partition, links } = settings;
  const chance: LastingLinkFault[] = [];
  if (drop > 0) chance.push({ kind: "loss", probability: drop });
  if (duplicate > 0) {
    chance.push({ kind: "duplicate", from: [self], probability: duplicate, withinMs: 0 });
  }
  const calls = { cut: [] as LastingLinkFault[], chance, links };
  if (partition === null) return { calls, incoming: [] };
  const { nodes, direction } = partition;
  const there = { kind: "partition-oneway", from: [self], to: nodes, how: "drop" } as const;
  const back = { kind: "partition-oneway", from: nodes, to: [self], how: "drop" } as const;
  // With a cut in one direction, a node still gets the answers to those of its calls that arrive.
  if (direction !== "in") calls.cut.push(there);
  if (direction === "both") calls.cut.push(back);
  return { calls, incoming: direction === "out" ? [] : [back] };
}
