/**
 * Checker 8: no dot is issued twice, across crash, wiped disk, delete and recreate; no write is
 * applied twice; no value is read or stored that nobody wrote; and merging is commutative,
 * associative and idempotent on what the replicas really held.
 */
import { sameSiblings, type Siblings, type Versioning } from "../../dynamo/versions/versions.ts";
import type { Holding } from "../healing.ts";
import { describeValue } from "../report/describe.ts";
import { type Checker, type Evidence, type Finding, isExact, labelOf } from "./checker.ts";

export const uniqueDots: Checker = {
  name: "unique-dots",
  about: "a dot names one write, a write has one dot, and only what was written is read",
  asserted: isExact,
  check(evidence) {
    const findings = [
      ...clashes(evidence),
      ...appliedTwice(evidence),
      ...foreignValues(evidence),
      ...evidence.holdingsAtHealing.flatMap((holdings) => brokenMerges(holdings, evidence.rules)),
    ];
    return { examined: evidence.history.size, findings };
  },
};

function clashes({ record, nodes }: Evidence): Finding[] {
  return record.clashes.map(({ key, dot, node, first, second }) => ({
    message: `dot ${dot} of ${key} stands for ${described(first)} and, on ${nodes[node]}, for ${
      described(second)
    }`,
    key,
  }));
}

function appliedTwice({ record, history }: Evidence): Finding[] {
  return [...record.appliedTwice].map(([id, dots]) => ({
    message: `${labelOf(history.get(id))} was applied twice, as ${dots[0]} and as ${dots[1]}`,
    key: history.get(id).key,
    operations: [id],
  }));
}

function foreignValues({ record, history, nodes }: Evidence): Finding[] {
  const stored = record.foreign.map(({ key, value, node }) => ({
    message: `${nodes[node]} stores ${described(value)} under ${key}, which nobody wrote`,
    key,
  }));
  const read = history.operations.filter((each) => each.kind === "get").flatMap((get) => {
    const strangers = get.returned.filter((id) => {
      const writer = history.get(id);
      return writer.key !== get.key || writer.startedAt > get.endedAt;
    });
    if (strangers.length === 0 && get.foreign.length === 0) return [];
    const what = [...get.foreign.map(described), ...strangers.map((id) => `write #${id}`)].join(
      ", ",
    );
    const message = `${labelOf(get)} returned ${what}, which nobody had written under that key`;
    return [{ message, key: get.key, operations: [get.id, ...strangers] }];
  });
  return [...stored, ...read];
}

/** What a version holds: a value in base64, or the words for a tombstone. */
function described(content: string): string {
  return content.startsWith("a tombstone") ? content : `'${describeValue(content)}'`;
}

function brokenMerges(holdings: readonly Holding[], rules: Versioning): Finding[] {
  const held = holdings.map((each) => each.siblings ?? []);
  const [a = [], b = [], c = []] = held;
  const same = (x: Siblings, y: Siblings) => sameSiblings(x, y);
  const { merge } = rules;
  const broken = !same(merge(a, b), merge(b, a))
    ? "commutative"
    : !same(merge(merge(a, b), c), merge(a, merge(b, c)))
    ? "associative"
    : !same(merge(a, a), a)
    ? "idempotent"
    : null;
  return broken === null ? [] : [{
    message: `merging is not ${broken} on what ${
      holdings.map((each) => each.node).join(", ")
    } held`,
  }];
}
