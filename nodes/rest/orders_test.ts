/** Orders to a node over REST: to misbehave, to compare itself with others, and who may give them. */
import { deepEqual, equal, match } from "node:assert/strict";
import { NO_FAULTS } from "../faults/fault_settings.ts";
import { problemOf, SECRET, type TestNode, withNode } from "./rest_under_test.ts";

const headers = { authorization: `Bearer ${SECRET}` };

function put(node: TestNode, faults: unknown): Promise<Response> {
  return node.send("/faults", { method: "PUT", headers, body: JSON.stringify(faults) });
}

function order(node: TestNode, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return node.send("/anti-entropy", { method: "POST", headers, body: text });
}

Deno.test("orders ask for the secret", async () => {
  await withNode(async ({ send }) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const refused = await send("/faults", {
        method,
        ...(method === "PUT" ? { body: "{}" } : {}),
      });
      equal(refused.status, 401);
      equal((await problemOf(refused)).type, "unauthorized");
    }
    equal((await send("/anti-entropy", { method: "POST", body: "{}" })).status, 401);
  }, { allowFaults: true });
});

Deno.test("a node that was not started for it takes no orders to misbehave", async () => {
  await withNode(async (node) => {
    const refused = await put(node, {});
    equal(refused.status, 403);
    const { type, detail } = await problemOf(refused);
    equal(type, "faults-not-allowed");
    match(detail, /n1 was started without --allow-faults/);
    const status = await (await node.send("/status")).json();
    equal(status.faults, null);
  });
});

Deno.test("faults are kept as they were given, shown, and lifted", async () => {
  await withNode(async (node) => {
    const links = [{ kind: "clog", from: ["n1"] }];
    const given = { drop: 0.25, disk: { slowMs: 1 }, links };
    const { injected, ...settings } = await (await put(node, given)).json();
    deepEqual(settings, { ...NO_FAULTS, ...given, disk: { ...NO_FAULTS.disk, ...given.disk } });
    deepEqual([injected.diskFailures, injected.linkMessagesHeld], [0, 0]);
    const shown = await (await node.send("/faults", { headers })).json();
    deepEqual(shown, { ...settings, injected });
    deepEqual((await (await node.send("/status")).json()).faults, settings);
    const { drop } = await (await node.send("/faults", { method: "DELETE", headers })).json();
    equal(drop, 0);
    deepEqual((await (await node.send("/status")).json()).faults, NO_FAULTS);
  }, { allowFaults: true });
});

Deno.test("a disk that fails is a failed request that says so, and well again it serves", async () => {
  await withNode(async (node) => {
    equal((await node.put("/kv/k", "before")).status, 200);
    await put(node, { disk: { failing: 1 } });
    const refused = await node.put("/kv/k", "after");
    equal(refused.status, 503);
    equal((await node.send("/kv/k")).status, 503);
    const { injected } = await (await node.send("/faults", { headers })).json();
    equal(injected.diskFailures >= 2, true);
    await put(node, {});
    equal(await (await node.send("/kv/k")).text(), "before");
  }, { allowFaults: true });
});

for (
  const [body, wrong] of [
    ["{", /the body must be JSON/],
    ['{"drop":2}', /drop must be a probability, a number from 0 to 1: current value is 2/],
    ['{"partition":{"nodes":["n1"]}}', /partition\.nodes must be one of/],
    [" ".repeat(70_000), /at most 65536 bytes/],
  ] as const
) {
  Deno.test(`faults refused over REST: ${body.slice(0, 40)}`, async () => {
    await withNode(async ({ send }) => {
      const refused = await send("/faults", { method: "PUT", headers, body });
      equal(refused.status, 400);
      match((await problemOf(refused)).detail, wrong);
    }, { allowFaults: true });
  });
}

Deno.test("anti-entropy is paused, resumed and ordered, and says how it stands", async () => {
  await withNode(async (node) => {
    const paused = await (await order(node, { pause: true })).json();
    equal(paused.paused, true);
    deepEqual([paused.exchanges, paused.unreachable, paused.last], [[], [], {}]);
    equal((await (await node.send("/status")).json()).antiEntropy.paused, true);
    match(await (await node.send("/metrics")).text(), /^dynamo_anti_entropy_paused\{.*\} 1$/m);
    // The trees of an empty disk are built at the first turn: a lone node has nobody to compare with.
    const done = await order(node, { pause: false, key: "k" });
    equal(done.status, 200);
    deepEqual([(await done.json()).paused], [false]);
    equal((await order(node, "")).status, 200);
  }, { config: { antiEntropyIntervalMs: 1_000 }, start: true });
});

for (
  const [body, wrong] of [
    [{ range: 1, key: "k" }, /give range or key, not both/],
    [{ range: -1 }, /range must be a whole number from 0 to 127: current value is -1/],
    [{ range: 128 }, /range must be a whole number from 0 to 127: current value is 128/],
    [{ key: "" }, /key must be text of 1 to 1024 bytes/],
    [{ pause: "yes" }, /pause must be true or false: current value is "yes"/],
    [{ all: true }, /unknown field 'all' in the order: allowed are range, key, pause/],
    [[], /the order must be an object/],
  ] as const
) {
  Deno.test(`anti-entropy order refused: ${JSON.stringify(body)}`, async () => {
    await withNode(async (node) => {
      const refused = await order(node, body);
      equal(refused.status, 400);
      match((await problemOf(refused)).detail, wrong);
    }, { config: { antiEntropyIntervalMs: 1_000 }, start: true });
  });
}

Deno.test("a node without anti-entropy says so", async () => {
  await withNode(async (node) => {
    const refused = await order(node, {});
    equal(refused.status, 400);
    match((await problemOf(refused)).detail, /antiEntropyIntervalMs is 0/);
    // To pause what is off is no mistake.
    equal((await order(node, { pause: true })).status, 200);
  });
});
