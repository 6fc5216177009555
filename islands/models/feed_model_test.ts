import assert from "node:assert/strict";
import type { ProtocolEvent } from "./api.ts";
import { describe, FEED_MAX, FeedModel } from "./feed_model.ts";

const from = { node: "n1", at: 1 } as const;

Deno.test("every kind of event becomes a sentence", () => {
  const replica = { node: "n2", primary: true, outcome: "answered", sentUs: 0, answeredUs: 1_500 };
  const request = { ...from, type: "request", key: "k", needed: 1, tookUs: 1_500 };
  const cases: [unknown, string, RegExp][] = [
    [
      { ...request, method: "put", outcome: "ok", replicas: [replica] },
      "request",
      /put k: ok in 1\.50 ms, 1 needed, n2 answered/,
    ],
    [
      { ...request, method: "get", outcome: "absent", replicas: [replica] },
      "request",
      /no such key/,
    ],
    [
      { ...request, method: "put", outcome: "quorum-not-met", replicas: [] },
      "trouble",
      /quorum-not-met after 1\.50 ms, 1 needed, 0 answered/,
    ],
    [{ ...from, type: "forward", key: "k", to: "n3" }, "routing", /forwarded k to n3/],
    [{ ...from, type: "read-repair", key: "k", to: "n3" }, "repair", /sent n3 the newer k/],
    [{ ...from, type: "silent", key: "k", peer: "n3" }, "trouble", /skipped n3 for k: no answer/],
    [{ ...from, type: "siblings", key: "k", count: 2 }, "conflict", /k has 2 siblings/],
    [
      { ...from, type: "call-failed", to: "n3", method: "replica.get", reason: "gone" },
      "trouble",
      /replica\.get to n3 failed: gone/,
    ],
    [
      { ...from, type: "storage-failed", key: "k", reason: "full" },
      "trouble",
      /storage failed for k: full/,
    ],
    [{ ...from, type: "recovered", key: "k" }, "repair", /repaired k/],
    [{ ...from, type: "something-new" }, "node", /^something-new$/],
    [{ ...from, type: "hint-stored", key: "k", for: "n2" }, "repair", /keeps a hint: k for n2/],
    [
      { ...from, type: "hint-delivered", key: "k", for: "n2", to: "n2" },
      "repair",
      /delivered k to n2, which is back/,
    ],
    [
      { ...from, type: "hint-delivered", key: "k", for: "n2", to: "n4" },
      "repair",
      /k, kept for n2, to n4/,
    ],
    [
      {
        ...from,
        type: "anti-entropy",
        peer: "n2",
        ranges: 3,
        rangesDiffering: 1,
        keysRepaired: 2,
        tookUs: 900,
      },
      "repair",
      /compared 3 ranges with n2: 1 difference, 2 keys repaired, 900 µs/,
    ],
    [
      { ...from, type: "node-down", peer: "n2", phi: 8.21 },
      "node",
      /believes n2 is down, phi 8\.2/,
    ],
    [{ ...from, type: "node-up", peer: "n2" }, "node", /believes n2 is up/],
    [{ ...from, type: "recovering", cause: "replaced" }, "node", /has a new, empty disk/],
    [{ ...from, type: "recovering", cause: "restored" }, "node", /older copy of its disk/],
    [{ ...from, type: "caught-up" }, "node", /count for reads/],
    [{ ...from, type: "boot-checked", heard: [] }, "node", /no peer has answered/],
    [{ ...from, type: "boot-checked", heard: ["n2", "n3"] }, "node", /heard from n2, n3/],
  ];
  for (const [event, kind, text] of cases) {
    const described = describe(event as ProtocolEvent);
    assert.equal(described.kind, kind);
    assert.match(described.text, text);
  }
});

Deno.test("events are shown in batches, newest first, and never more than FEED_MAX", () => {
  const feed = new FeedModel();
  const event = (key: string) => ({ ...from, type: "recovered", key } as const);
  feed.add(event("a"));
  feed.add(event("b"));
  assert.equal(feed.entries.value.length, 0);
  feed.flush();
  assert.deepEqual(feed.entries.value.map((entry) => entry.event).map((e) => "key" in e && e.key), [
    "b",
    "a",
  ]);
  for (let i = 0; i < 3 * FEED_MAX; i++) feed.add(event(`k${i}`));
  feed.flush();
  assert.equal(feed.entries.value.length, FEED_MAX);
  assert.equal(feed.dropped.value, 2 * FEED_MAX);
  const serials = feed.entries.value.map((entry) => entry.serial);
  assert.equal(new Set(serials).size, FEED_MAX);
});

Deno.test("a paused feed does not change, continues where it stopped, and can be cleared", () => {
  const feed = new FeedModel();
  feed.add({ ...from, type: "recovered", key: "a" });
  feed.flush();
  feed.togglePause();
  feed.add({ ...from, type: "recovered", key: "b" });
  feed.addDropped(5);
  feed.flush();
  assert.equal(feed.entries.value.length, 1);
  feed.togglePause();
  assert.equal(feed.entries.value.length, 2);
  assert.equal(feed.dropped.value, 5);
  feed.toggleKind("repair");
  assert.ok(feed.hidden.value.has("repair"));
  feed.toggleKind("repair");
  assert.equal(feed.hidden.value.size, 0);
  feed.clear();
  assert.deepEqual([feed.entries.value.length, feed.dropped.value], [0, 0]);
});
