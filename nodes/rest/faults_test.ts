/** `/faults` over REST: who may set faults, and what is accepted. */
import { deepEqual, equal, match } from "node:assert/strict";
import { NO_FAULTS } from "../faults/fault_settings.ts";
import { problemOf, SECRET, type TestNode, withNode } from "./rest_under_test.ts";

const headers = { authorization: `Bearer ${SECRET}` };

function put(node: TestNode, faults: unknown): Promise<Response> {
  return node.send("/faults", { method: "PUT", headers, body: JSON.stringify(faults) });
}

Deno.test("faults need the secret", async () => {
  await withNode(async ({ send }) => {
    for (const method of ["GET", "PUT", "DELETE"]) {
      const body = method === "PUT" ? "{}" : null;
      const refused = await send("/faults", { method, body });
      equal(refused.status, 401);
      equal((await problemOf(refused)).type, "unauthorized");
    }
  }, { allowFaults: true });
});

Deno.test("a node that was started without --allow-faults refuses faults", async () => {
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

Deno.test("faults are set, shown and ended", async () => {
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

Deno.test("requests fail while the disk fails, and succeed afterwards", async () => {
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
