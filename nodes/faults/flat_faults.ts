/**
 * The fields of `/faults` that stand for themselves, such as `drop`, as rules of links: a node judges
 * all its messages in one way (`link_faults.ts`), whatever the words in which it was told. Latency alone
 * is none: its `remote` part depends on the zones of nodes, which change (`faulty_calls.ts`).
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { FaultSettings } from "./fault_settings.ts";
import type { LastingLinkFault } from "./link_faults.ts";

/** Rules by what they are counted as. */
interface LinkRules {
  /** For the messages of calls that the node makes, there and back, in the order of judgement. */
  readonly calls: {
    readonly cut: readonly LastingLinkFault[];
    readonly chance: readonly LastingLinkFault[];
    readonly links: readonly LastingLinkFault[];
  };
  /** For the calls of others, which only the node itself can keep out. */
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
  // Cut off one way, a node still hears the answers to those of its calls that arrive.
  if (direction !== "in") calls.cut.push(there);
  if (direction === "both") calls.cut.push(back);
  return { calls, incoming: direction === "out" ? [] : [back] };
}
