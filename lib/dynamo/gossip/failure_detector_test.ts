import assert from "node:assert/strict";
import fc from "fast-check";
import { FailureDetector, phiOf } from "./failure_detector.ts";

const SECOND = 1_000_000;

function detector(): FailureDetector {
  const made = new FailureDetector({ phiThreshold: 8, phiWindow: 100 });
  made.watch("a", SECOND, 0);
  return made;
}

Deno.test("detector: phi is -log10 of the normal tail, and rises with the time without heartbeats", () => {
  // The tail beyond 1, 2 and 3 deviations: 0.1587, 0.0228, 0.00135.
  for (const [y, tail] of [[1, 0.1587], [2, 0.0228], [3, 0.00135]] as const) {
    assert.ok(Math.abs(phiOf(y, 0, 1) + Math.log10(tail)) < 0.05, `${y}`);
  }
  fc.assert(fc.property(fc.double({ min: -50, max: 50, noNaN: true }), (y) => {
    assert.ok(phiOf(y, 0, 1) >= 0 && phiOf(y + 0.5, 0, 1) >= phiOf(y, 0, 1));
  }));
});

Deno.test("detector: a node is up with regular heartbeats, down without, and up again after the next one", () => {
  const made = detector();
  for (let beat = 1; beat <= 20; beat++) made.onHeartbeat("a", SECOND, beat * SECOND);
  assert.ok(made.isUp("a", 21 * SECOND));
  assert.ok(!made.isUp("a", 30 * SECOND));
  assert.ok(made.phi("a", 30 * SECOND) > 8);
  assert.deepEqual(made.changes(30 * SECOND), [{ node: "a", up: false }]);
  assert.deepEqual(made.changes(30 * SECOND), []);
  made.onHeartbeat("a", SECOND, 31 * SECOND);
  assert.ok(made.isUp("a", 32 * SECOND));
});

Deno.test("detector: a longer heartbeat interval of a sender is taken into account", () => {
  const made = detector();
  for (let beat = 1; beat <= 20; beat++) made.onHeartbeat("a", 4 * SECOND, beat * 4 * SECOND);
  assert.ok(made.isUp("a", 80 * SECOND + 12 * SECOND));
});

Deno.test("detector: one refused call or several unanswered ones cause suspicion, and contact ends it", () => {
  const made = detector();
  assert.ok(!made.onFailure("a", false) && !made.onFailure("a", false));
  assert.ok(made.isUp("a", 1));
  made.onContact("a", 1);
  assert.ok(!made.onFailure("a", false) && made.isUp("a", 1));
  assert.ok(made.onFailure("a", true));
  assert.ok(!made.isUp("a", 1));
  made.onHeartbeat("a", SECOND, 2);
  assert.ok(
    !made.isUp("a", 2),
    "heartbeats via other nodes do not end the suspicion of a direct path",
  );
  assert.ok(made.onContact("a", 3) && made.isUp("a", 3));
  assert.equal(made.phi("stranger", 3), Infinity);
});
