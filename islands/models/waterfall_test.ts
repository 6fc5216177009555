import assert from "node:assert/strict";
import { requestEvent } from "../../tests/page_examples.ts";
import { axisTicks, servedUs, waterfallOf, waterfallOfReply } from "./waterfall.ts";

Deno.test("the client was answered when the last needed replica had answered", () => {
  assert.equal(servedUs(requestEvent()), 2_100);
  assert.equal(servedUs(requestEvent({ needed: 1 })), 400);
  assert.equal(servedUs(requestEvent({ tookUs: 1_900 })), 1_900);
  assert.equal(servedUs(requestEvent({ outcome: "quorum-not-met" })), 9_000);
});

Deno.test("bars show late replicas, fallbacks, and failures with their reason", () => {
  const waterfall = waterfallOf(requestEvent({
    replicas: [
      ...requestEvent().replicas,
      { node: "n4", primary: false, outcome: "answered", sentUs: 500, answeredUs: 2_000 },
      {
        node: "n5",
        primary: true,
        outcome: "failed",
        sentUs: 0,
        answeredUs: 90,
        reason: "refused",
      },
      { node: "n6", primary: true, outcome: "pending", sentUs: 0 },
    ],
  }));
  assert.deepEqual(waterfall.bars.map((bar) => bar.note), [
    "the coordinator’s own replica, 400 µs",
    "primary, 8.90 ms, after the client was answered",
    "primary, 2.00 ms, after the client was answered",
    "fallback, 1.50 ms",
    "primary, failed: refused",
    "primary, no answer yet",
  ]);
  assert.equal(waterfall.servedMs, 2);
  assert.ok(waterfall.endMs > 9);
});

Deno.test("a client's answer shows the request as far as it is known", () => {
  const waterfall = waterfallOfReply({
    method: "put",
    key: "k",
    coordinator: "n1",
    replicas: [
      { node: "n1", primary: true, outcome: "answered", sentUs: 0, answeredUs: 400 },
      { node: "n2", primary: true, outcome: "answered", sentUs: 0, answeredUs: 2_500 },
      { node: "n3", primary: true, outcome: "pending", sentUs: 0 },
    ],
  });
  assert.equal(waterfall.servedMs, 2.5);
  assert.equal(waterfall.needed, 2);
  assert.equal(waterfall.bars[2]?.toMs, null);
});

Deno.test("axes have round steps from 0, and at most the given number", () => {
  assert.deepEqual(axisTicks(10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(axisTicks(0.037, 4), [0, 0.01, 0.02, 0.03]);
  assert.deepEqual(axisTicks(0, 4), [0]);
  for (const end of [0.001, 0.3, 7, 99, 12_345]) {
    const ticks = axisTicks(end, 5);
    assert.ok(ticks.length >= 2 && ticks.length <= 6, `${end}: ${ticks}`);
    assert.ok((ticks.at(-1) as number) <= end);
  }
});
