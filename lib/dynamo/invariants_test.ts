/**
 * Input from outside is never an invariant: no assert stops the node, whatever a peer or disk
 * sends.
 */
import assert from "node:assert/strict";
import { IDS, KEY, ReplicaHarness } from "../../tests/replica_harness.ts";
import type { StoredRecord } from "./types/records.ts";
import { merged, written } from "./versions/sound.ts";
import { EMPTY_CONTEXT, type Siblings, type Version, versioning } from "./versions/versions.ts";

const [FIRST, OTHER] = IDS as [string, string];

function version(actor: string, counter: number, seen: Version["clock"] = []): Version {
  return { value: "eA==", contentType: "", dot: [actor, counter], clock: seen, stampUs: 0 };
}

/** Siblings that no correct node sends. */
const UNSOUND: Readonly<Record<string, Siblings>> = {
  unsorted: [version("b", 1), version("a", 1)],
  "one dot twice": [version("a", 1), version("a", 1)],
  "one supersedes the other": [version("a", 1), version("b", 1, [["a", 1]])],
  "it supersedes itself": [version("a", 1, [["a", 1]])],
  "a counter past all integers": [version("a", 2 ** 53, [["c", 2 ** 60]])],
};

for (const [what, siblings] of Object.entries(UNSOUND)) {
  Deno.test(`invariants: invalid siblings from a peer stop no node: ${what}`, () => {
    const rules = versioning("dvv");
    const sound: Siblings = [version("a", 2), version("c", 1)];
    for (const [a, b] of [[sound, siblings], [siblings, sound], [siblings, siblings]] as const) {
      assert.ok(merged(rules, a, b).length > 0);
    }
    for (const context of [EMPTY_CONTEXT, { clock: [["a", 2 ** 53]] as const, stampUs: 0 }]) {
      const write = { actor: "a", context, value: "", contentType: "", nowUs: 1 };
      assert.ok(written(rules, siblings, write).siblings.length > 0);
    }
  });
}

Deno.test("invariants: versioning rules that give invalid results are stopped", () => {
  const dvv = versioning("dvv");
  const a: Siblings = [version("a", 1)];
  const b: Siblings = [version("b", 1, [["a", 1]])];
  const keepsAll = { ...dvv, merge: () => [...a, ...b] };
  assert.throws(() => merged(keepsAll, a, b), {
    name: "InvariantError",
    message: /^merged siblings are sorted, distinct, and none supersedes another/,
  });
  const write = { actor: "a", context: EMPTY_CONTEXT, value: "", contentType: "", nowUs: 1 };
  const forgetsSiblings = { ...dvv, write: () => dvv.write([], write) };
  assert.throws(
    () => written(forgetsSiblings, a, write),
    /^InvariantError: an actor's counter only goes/,
  );
});

Deno.test("hints: several hints in one store stay within the limit together", () => {
  const bench = new ReplicaHarness(FIRST, { hintsMax: 2 });
  for (const [i, hintFor] of ["n2", "n3", "n4"].entries()) {
    const siblings = [version("x", 1)];
    const request = { method: "replica.put", key: KEY, siblings, purpose: "replicate" } as const;
    bench.step({ kind: "peer", id: 1 + i, from: OTHER, request: { ...request, hintFor } });
  }
  bench.loaded(null);
  const { id, record } = bench.one("store");
  const targets = (record as StoredRecord).hintFor?.map(({ node }) => node);
  assert.deepEqual(targets, ["n2", "n3"], "the third exceeds the limit");
  bench.step({ kind: "stored", id });
  const outcomes = bench.take("respond").map(({ reply }) => reply.status);
  assert.deepEqual(outcomes, ["stored", "stored", "error"]);
  assert.deepEqual(bench.replica.stats().hints, { n2: 1, n3: 1 });
});
