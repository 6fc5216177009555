import assert from "node:assert/strict";
import { Ring } from "../../dynamo/ring/ring.ts";
import type { RingState } from "../../dynamo/ring/ring_state.ts";
import { parseScenario } from "../scenario/scenario.ts";
import type { Evidence } from "./checker.ts";
import { ownership } from "./ownership.ts";

/** A ring of four partitions, owned by these nodes in turn. */
function ringOf(owners: readonly string[]): Ring {
  const state: RingState = {
    partitioning: "equal-partitions",
    partitions: 4,
    tokens: [0, 1, 2, 3].map((i) => ({
      position: `${"048c"[i]}${"0".repeat(31)}`,
      owner: owners[i % owners.length] as string,
      epoch: 1,
    })),
    members: ["n1", "n2", "n3", "n4"].map((id) => ({ id, weight: 1 })),
  };
  return new Ring(state, 3);
}

function findings(...rings: readonly Ring[]): string[] {
  const evidence = {
    scenario: parseScenario({ nodes: 4 }),
    rings,
    members: 4,
    orphanedReplicas: [],
  };
  return ownership.check(evidence as unknown as Evidence).findings.map(({ message }) => message);
}

Deno.test("ownership: ranges with too few owners are reported", () => {
  assert.deepEqual(findings(ringOf(["n1", "n2", "n3", "n4"])), []);
  const [first, ...others] = findings(ringOf(["n1", "n2"]));
  assert.match(first ?? "", /range 0 should have 3 distinct owners: it has n1,n2/);
  assert.equal(others.length, 3);
});

Deno.test("ownership: nodes with different rings at the end are reported", () => {
  const [found] = findings(ringOf(["n1", "n2", "n3"]), ringOf(["n1", "n3", "n2"]));
  assert.match(found ?? "", /2 different rings/);
});
