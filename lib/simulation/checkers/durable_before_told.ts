/**
 * Checker: what a node tells of the membership (members, tokens, registers of ranges) and of its own
 * incarnation is on its disk by then.
 */
import { always, type Checker } from "./checker.ts";

export const durableBeforeTold: Checker = {
  name: "durable-before-told",
  about: "registers, members and incarnations leave a node only after they are on its disk",
  asserted: always,
  check({ record, nodes }) {
    const findings = record.sentBeforeDurable.map(({ node, what, at }) => ({
      message: `${nodes[node]} told of ${what} at ${at} µs, before its disk knew it`,
    }));
    return { examined: record.messagesChecked, findings };
  },
};
