/**
 * Checker: a node sends membership state (members, tokens, range registers) and its own incarnation
 * only after they are on its disk. Otherwise a crash could revert what peers already rely on.
 */
import { always, type Checker } from "./checker.ts";

export const durableBeforeTold: Checker = {
  name: "durable-before-told",
  about: "a node sends registers, members and incarnations only after they are on its disk",
  asserted: always,
  check({ record, nodes }) {
    const findings = record.sentBeforeDurable.map(({ node, what, at }) => ({
      message: `${nodes[node]} sent ${what} at ${at} µs, before it was on its disk`,
    }));
    return { examined: record.messagesChecked, findings };
  },
};
