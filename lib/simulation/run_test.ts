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
import removalThatFailed from "../../tests/scenarios/removal_that_failed.json" with {
  type: "json",
};
import returnWhileReplaced from "../../tests/scenarios/return_while_replaced.json" with {
  type: "json",
};
import { runScenario } from "./run.ts";
import { parseScenario } from "./scenario/scenario.ts";

Deno.test("clients do as many operations as the workload says, whatever each is followed by", () => {
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

Deno.test("the reads that heal are counted apart, and only where it takes them", () => {
  const workload = { operations: 40, clients: 4, keys: 5 };
  const healingReads = (config: Record<string, unknown>) => {
    const result = runScenario(parseScenario({ seed: 1, config, workload }));
    assert.equal(result.operations.total, 40);
    return result.healingReads;
  };
  const byHand = healingReads({ gossipIntervalMs: 0, antiEntropyIntervalMs: 0 });
  assert.ok(byHand.total >= 5, `${byHand.total}`);
  assert.equal(byHand.total, byHand.ok + byHand.failed + byHand.indeterminate);
  assert.equal(healingReads({ gossipIntervalMs: 500, antiEntropyIntervalMs: 1_000 }).total, 0);
});

Deno.test("a spare that never joins was not started, and so not started again either", () => {
  const { sometimes, ok } = runScenario(parseScenario({
    nodes: 3,
    spares: [{ id: "s1" }, { id: "s2" }],
    workload: { operations: 5 },
  }));
  assert.ok(ok);
  assert.equal(sometimes["node started again"], 0);
});

Deno.test("a membership that a disk did not take is saved again, also when all else is at rest", () => {
  // The disk of n3 fails once, at the last word of a join.
  const { checks, faults } = runScenario(parseScenario(membershipNotTaken));
  assert.ok((faults.join ?? 0) > 0 && (faults["disk-failing"] ?? faults["disk-full"] ?? 0) > 0);
  assert.deepEqual(checks.find(({ name }) => name === "convergence")?.violations, []);
});

Deno.test("a question about a look at orphaned replicas that is over leaves the next one alone", () => {
  // A removal, a flapping network, hints that expire: n3 hears late that nobody answered.
  const { checks, faults } = runScenario(parseScenario(lateAnswer));
  assert.ok((faults.remove ?? 0) > 0);
  assert.deepEqual(checks.find(({ name }) => name === "convergence")?.violations, []);
});

Deno.test("a check that a refused directory sent does not hide the present life, however late it comes", () => {
  const { ok, faults } = runScenario(parseScenario(lateCheck));
  assert.ok((faults.remove ?? 0) > 0 && (faults.return ?? 0) > 0);
  assert.equal(ok, true);
});

Deno.test("a node is not brought back while somebody still takes it out", () => {
  assert.equal(runScenario(parseScenario(returnWhileReplaced)).ok, true);
});

Deno.test("a node that could not be removed may be a member with the directory it had", () => {
  assert.equal(runScenario(parseScenario(removalThatFailed)).ok, true);
});
