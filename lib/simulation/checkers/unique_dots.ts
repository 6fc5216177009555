/**
 * Checker 8: no dot is issued twice, even after a crash, a wiped disk, or a delete and a new put.
 * No write is applied twice. All stored and returned values were written by clients. Merging the
 * actual replicas is commutative, associative and idempotent.
 */
import { sameSiblings, type Siblings, type Versioning } from "../../dynamo/versions/versions.ts";
import type { Holding } from "../healing.ts";
import { describeValue } from "../report/describe.ts";
import { type Checker, type Evidence, type Finding, isExact, labelOf } from "./checker.ts";

export const uniqueDots: Checker = {
  name: "unique-dots",
  about:
    "each dot identifies one write, each write has one dot, and reads return only written values",
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
    message: `dot ${dot} of ${key} identifies ${described(first)} and, on ${nodes[node]}, also ${
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
    message: `${nodes[node]} stores ${described(value)} under ${key}, but no client wrote it`,
    key,
  }));
  const read = history.operations.filter((each) => each.kind === "get").flatMap((get) => {
    const others = get.returned.filter((id) => {
      const writer = history.get(id);
      return writer.key !== get.key || writer.startedAt > get.endedAt;
    });
    if (others.length === 0 && get.foreign.length === 0) return [];
    const what = [...get.foreign.map(described), ...others.map((id) => `write #${id}`)].join(
      ", ",
    );
    const message = `${
      labelOf(get)
    } returned ${what}, but no client had written that under the key`;
    return [{ message, key: get.key, operations: [get.id, ...others] }];
  });
  return [...stored, ...read];
}

/** Describes a value in base64. A description of a tombstone is returned unchanged. */
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
    message: `merging is not ${broken} for the replicas of ${
      holdings.map((each) => each.node).join(", ")
    }`,
  }];
}
