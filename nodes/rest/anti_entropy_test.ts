/** `/anti-entropy` over REST: comparisons now, pausing, and what is refused. */
import { deepEqual, equal, match } from "node:assert/strict";
import { problemOf, SECRET, type TestNode, withNode } from "./rest_under_test.ts";

const headers = { authorization: `Bearer ${SECRET}` };

function antiEntropy(node: TestNode, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return node.send("/anti-entropy", { method: "POST", headers, body: text });
}

Deno.test("anti-entropy needs the secret", async () => {
  await withNode(async ({ send }) => {
    equal((await send("/anti-entropy", { method: "POST", body: "{}" })).status, 401);
  });
});

Deno.test("anti-entropy is paused, resumed and started, and shows its state", async () => {
  await withNode(async (node) => {
    const paused = await (await antiEntropy(node, { pause: true })).json();
    equal(paused.paused, true);
    deepEqual([paused.exchanges, paused.unreachable, paused.last], [[], [], {}]);
    equal((await (await node.send("/status")).json()).antiEntropy.paused, true);
    match(await (await node.send("/metrics")).text(), /^dynamo_anti_entropy_paused\{.*\} 1$/m);
    // A single node has nobody to compare with, so this answers at once.
    const done = await antiEntropy(node, { pause: false, key: "k" });
    equal(done.status, 200);
    deepEqual([(await done.json()).paused], [false]);
    equal((await antiEntropy(node, "")).status, 200);
  }, { config: { antiEntropyIntervalMs: 1_000 }, start: true });
});

for (
  const [body, wrong] of [
    [{ range: 1, key: "k" }, /give range or key, not both/],
    [{ range: -1 }, /range must be a whole number from 0 to 127: current value is -1/],
    [{ range: 128 }, /range must be a whole number from 0 to 127: current value is 128/],
    [{ key: "" }, /key must be text of 1 to 1024 bytes/],
    [{ pause: "yes" }, /pause must be true or false: current value is "yes"/],
    [{ all: true }, /unknown field 'all' in the request: allowed are range, key, pause/],
    [[], /the request must be an object/],
  ] as const
) {
  Deno.test(`anti-entropy request refused: ${JSON.stringify(body)}`, async () => {
    await withNode(async (node) => {
      const refused = await antiEntropy(node, body);
      equal(refused.status, 400);
      match((await problemOf(refused)).detail, wrong);
    }, { config: { antiEntropyIntervalMs: 1_000 }, start: true });
  });
}

Deno.test("a node without anti-entropy refuses to compare", async () => {
  await withNode(async (node) => {
    const refused = await antiEntropy(node, {});
    equal(refused.status, 400);
    match((await problemOf(refused)).detail, /antiEntropyIntervalMs is 0/);
    // Pausing what is switched off is allowed.
    equal((await antiEntropy(node, { pause: true })).status, 200);
  });
});
