import assert from "node:assert/strict";
import fc from "fast-check";
import { History, type Operation } from "../workload/history.ts";
import { Causality, Deleted, hadSeen } from "./causality.ts";

const OPTIONS = { r: 2, w: 2, pr: 0, pw: 0, sloppy: false, timeoutMs: 1_000 };

/**
 * A history of writes to one key. `parents`: which earlier writes, counted from 1, each had seen.
 */
function historyOf(parents: readonly (readonly number[])[], blindDeletes: readonly number[] = []) {
  const history = new History(8);
  parents.forEach((seen, i) => {
    const blind = blindDeletes.includes(i + 1);
    const operation = history.begin({
      client: 0,
      act: blind ? "delete-blind" : "put",
      kind: blind ? "delete" : "put",
      key: "k",
      node: "n1",
      options: OPTIONS,
      startedAt: 10 * i,
      parents: seen,
      contextFrom: 0,
      blind,
      healing: false,
    });
    history.end(operation.id, { endedAt: 10 * i + 5, outcome: "ok" });
  });
  return history;
}

/** The parents of up to 40 writes, drawn from the writes before each. */
const graphs = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { maxLength: 40 })
  .map((drawn) =>
    drawn.map((numbers, i) => i === 0 ? [] : [...new Set(numbers.map((n) => n % i + 1))])
  );

Deno.test("causality: bits and searches agree with the transitive closure", () => {
  fc.assert(fc.property(graphs, (parents) => {
    const history = historyOf(parents);
    const causality = new Causality(history);
    const closure: Set<number>[] = [];
    parents.forEach((seen, i) => {
      closure[i + 1] = new Set(seen.flatMap((each) => [each, ...(closure[each] ?? [])]));
    });
    for (let later = 1; later <= parents.length; later++) {
      assert.deepEqual(causality.pastOf([later]), new Set([...closure[later] ?? []]));
      for (let earlier = 1; earlier <= parents.length; earlier++) {
        const expected = closure[later]?.has(earlier) ?? false;
        assert.equal(causality.covers(later, earlier), expected);
        assert.equal(hadSeen(history, later, earlier), expected);
      }
    }
  }));
});

Deno.test("a write supersedes both siblings of its context, but no blind write", () => {
  // 1 and 2 are concurrent. 3 supersedes both. 4 has no context.
  const causality = new Causality(historyOf([[], [], [1, 2], []]));
  assert.ok(causality.covers(3, 1) && causality.covers(3, 2));
  assert.ok(!causality.covers(4, 1) && !causality.covers(3, 4) && !causality.covers(1, 3));
});

Deno.test("a delete without a context may remove any write that began before it ended", () => {
  const history = historyOf([[], [], [], []], [2]);
  const causality = new Causality(history);
  const deleted = new Deleted(causality, [history.get(2)]);
  assert.ok(deleted.has(history.get(1)));
  assert.ok(!deleted.has(history.get(3)), "it began after the delete had ended");
  const unanswered: Operation = { ...history.get(2), outcome: "indeterminate" };
  assert.ok(new Deleted(causality, [unanswered]).has(history.get(4)), "it may still take effect");
});

Deno.test("a value identifies its writer; an operation ends only once", () => {
  const history = historyOf([[], []]);
  const { value } = history.get(2);
  assert.equal(history.writerOf(value ?? ""), 2);
  assert.equal(history.writerOf(btoa("not of this run")), undefined);
  assert.throws(() => history.end(1, { endedAt: 9, outcome: "ok" }), /ends twice/);
  assert.throws(() => history.get(3), /Cannot find operation 3/);
});
