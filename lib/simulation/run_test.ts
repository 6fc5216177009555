import assert from "node:assert/strict";
import lateAnswer from "../../tests/scenarios/late_answer_of_orphaned_replicas.json" with {
  type: "json",
};
import lateCheck from "../../tests/scenarios/late_check_of_refused_directory.json" with {
  type: "json",
};
import membershipNotTaken from "../../tests/scenarios/membership_not_taken.json" with {
  type: "json",
};
import sameMoment from "../../tests/scenarios/acknowledged_as_the_read_began.json" with {
  type: "json",
};
import removalThatFailed from "../../tests/scenarios/removal_that_failed.json" with {
  type: "json",
};
import returnWhileReplaced from "../../tests/scenarios/return_while_replaced.json" with {
  type: "json",
};
import unconfirmedOwner from "../../tests/scenarios/unconfirmed_owner_is_no_primary.json" with {
  type: "json",
};
import { runScenario } from "./run.ts";
import { parseScenario } from "./scenario/scenario.ts";

Deno.test("clients execute exactly the workload's number of operations, also with updates", () => {
  for (const operations of [0, 1, 2, 3, 50, 51]) {
    for (const acts of [{ update: 1 }, { update: 3, get: 1, put: 1, delete: 1 }]) {
      for (const seed of [1, 2, 3]) {
        const result = runScenario(parseScenario({
          seed,
          workload: { operations, clients: 4, keys: 3, acts },
        }));
        assert.equal(result.operations.total, operations);
        assert.equal(result.operations.ok, operations);
        const kinds = Object.values(result.operations.byKind);
        assert.equal(kinds.reduce((sum, { ok }) => sum + ok, 0), operations);
      }
    }
  }
});

Deno.test("healing reads are counted separately, and happen only without anti-entropy", () => {
  const workload = { operations: 40, clients: 4, keys: 5 };
  const healingReads = (config: Record<string, unknown>) => {
    const result = runScenario(parseScenario({ seed: 1, config, workload }));
    assert.equal(result.operations.total, 40);
    return result.healingReads;
  };
  const withReads = healingReads({ gossipIntervalMs: 0, antiEntropyIntervalMs: 0 });
  assert.ok(withReads.total >= 5, `${withReads.total}`);
  assert.equal(withReads.total, withReads.ok + withReads.failed + withReads.indeterminate);
  assert.equal(healingReads({ gossipIntervalMs: 500, antiEntropyIntervalMs: 1_000 }).total, 0);
});

Deno.test("a spare that never joins does not count as started again", () => {
  const { sometimes, ok } = runScenario(parseScenario({
    nodes: 3,
    spares: [{ id: "s1" }, { id: "s2" }],
    workload: { operations: 5 },
  }));
  assert.ok(ok);
  assert.equal(sometimes["node started again"], 0);
});

Deno.test("a membership that could not be saved is saved again, even without other activity", () => {
  // The disk of n3 fails once, at the last change of a join.
  const { checks, faults } = runScenario(parseScenario(membershipNotTaken));
  assert.ok((faults.join ?? 0) > 0 && (faults["disk-failing"] ?? faults["disk-full"] ?? 0) > 0);
  assert.deepEqual(checks.find(({ name }) => name === "convergence")?.violations, []);
});

Deno.test("a late result for an earlier check of orphaned replicas does not affect the next check", () => {
  // A removal, a flapping network and expired hints: n3 gets the failure of its call late.
  const { checks, faults } = runScenario(parseScenario(lateAnswer));
  assert.ok((faults.remove ?? 0) > 0);
  assert.deepEqual(checks.find(({ name }) => name === "convergence")?.violations, []);
});

Deno.test("a late boot check of a refused data directory does not replace the current life", () => {
  const { ok, faults } = runScenario(parseScenario(lateCheck));
  assert.ok((faults.remove ?? 0) > 0 && (faults.return ?? 0) > 0);
  assert.equal(ok, true);
});

Deno.test("a node does not return while another node is still replacing it", () => {
  assert.equal(runScenario(parseScenario(returnWhileReplaced)).ok, true);
});

Deno.test("a node whose removal failed can stay a member with its data directory", () => {
  assert.equal(runScenario(parseScenario(removalThatFailed)).ok, true);
});

Deno.test("an owner whose disk is not confirmed counts as a stand-in, not towards PW", () => {
  assert.equal(runScenario(parseScenario(unconfirmedOwner)).ok, true);
});

Deno.test("a write that is acknowledged in the moment in which a read begins need not be read", () => {
  assert.equal(runScenario(parseScenario(sameMoment)).ok, true);
});
