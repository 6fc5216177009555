import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { CLIENTS, type LinkFault } from "./faults.ts";
import { ruleOf, type Verdict } from "./link_rules.ts";

const always = { atMs: 0, forMs: 1_000 };
const message = (from: string, to: string, leg: "W" | "other" = "W") => ({
  from,
  to,
  leg,
  content: { text: "x".repeat(90) },
});

function judge(fault: LinkFault, from: string, to: string, at = 0): Verdict {
  return ruleOf(fault, 0, SeededRandom.from(1)).judge(message(from, to), at);
}

Deno.test("a partition cuts only between its groups, in both directions", () => {
  const fault: LinkFault = {
    kind: "partition",
    ...always,
    groups: [["a", "b"], ["c"]],
    how: "drop",
  };
  assert.equal(judge(fault, "a", "c").kind, "drop");
  assert.equal(judge(fault, "c", "b").kind, "drop");
  assert.equal(judge(fault, "a", "b").kind, "pass");
  assert.equal(judge(fault, "d", "a").kind, "pass", "a node in no group is not cut off");
});

Deno.test("a one-way partition cuts only one direction", () => {
  const fault: LinkFault = {
    kind: "partition-oneway",
    ...always,
    from: ["a"],
    to: ["b"],
    how: "refuse",
  };
  assert.equal(judge(fault, "a", "b").kind, "refuse");
  assert.equal(judge(fault, "b", "a").kind, "pass");
});

Deno.test("a flapping link is down for the first part of every period", () => {
  const fault: LinkFault = { kind: "flapping", ...always, periodMs: 10, downMs: 4, how: "hold" };
  const kinds = [0, 3_999, 4_000, 9_999, 10_000].map((at) => judge(fault, "a", "b", at).kind);
  assert.deepEqual(kinds, ["hold", "hold", "pass", "pass", "hold"]);
});

Deno.test("faults affect only their links and legs, and clients only if they are named", () => {
  const fault: LinkFault = { kind: "clog", ...always, legs: ["W"], to: ["b"] };
  const rule = ruleOf(fault, 0, SeededRandom.from(1));
  assert.equal(rule.judge(message("a", "b"), 0).kind, "hold");
  assert.equal(rule.judge(message("a", "b", "other"), 0).kind, "pass");
  assert.equal(rule.judge(message("b", "a"), 0).kind, "pass");
  assert.equal(judge({ kind: "clog", ...always }, CLIENTS, "a").kind, "pass");
  assert.equal(judge({ kind: "clog", ...always, from: [CLIENTS] }, CLIENTS, "a").kind, "hold");
});

Deno.test("loss has the given probability, and a clone continues with the same draws", () => {
  const fault: LinkFault = { kind: "loss", ...always, probability: 0.25 };
  const rule = ruleOf(fault, 0, SeededRandom.from(7));
  const lost = Array.from({ length: 4_000 }, () => rule.judge(message("a", "b"), 0))
    .filter((verdict) => verdict.kind === "drop").length;
  assert.ok(lost > 900 && lost < 1_100, `${lost} of 4000 lost`);
  const copy = rule.clone();
  const verdicts = (of: typeof rule) =>
    Array.from({ length: 50 }, () => of.judge(message("a", "b"), 0).kind);
  assert.deepEqual(verdicts(copy), verdicts(rule));
});

Deno.test("with limited bandwidth each link queues messages, and drops them when the queue is long", () => {
  const fault: LinkFault = { kind: "bandwidth", ...always, bytesPerSecond: 100 };
  const rule = ruleOf(fault, 0, SeededRandom.from(1));
  const later = (from: string) => {
    const verdict = rule.judge(message(from, "b"), 0);
    return verdict.kind === "deliver" ? verdict.laterUs : verdict.kind;
  };
  const first = later("a");
  assert.ok(
    typeof first === "number" && first >= 1_000_000,
    "at least 100 bytes, so at least a second",
  );
  assert.equal(later("a"), 2 * first);
  assert.equal(later("c"), first);
  for (let i = 0; i < 100; i++) later("a");
  assert.equal(later("a"), "drop");
});

Deno.test("duplicates and reordered messages are delayed within their bounds", () => {
  const twice = judge({ kind: "duplicate", ...always, probability: 1, withinMs: 5 }, "a", "b");
  assert.ok(twice.kind === "deliver" && twice.laterUs === 0);
  assert.ok((twice.copyAfterUs ?? -1) >= 0 && (twice.copyAfterUs ?? 9_999) < 5_000);
  const late = judge({ kind: "reorder", ...always, probability: 1, byMs: 5 }, "a", "b");
  assert.ok(late.kind === "deliver" && late.laterUs < 5_000 && late.copyAfterUs === undefined);
});
