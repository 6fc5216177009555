/** What a node answers to clients while its data may be incomplete. */
import { deepEqual, equal, match } from "node:assert/strict";
import { PROTOCOL_VERSION } from "../rpc/messages.ts";
import { problemOf, SECRET, withNode } from "./rest_under_test.ts";

Deno.test("a node that is still checking its disk with its peers answers peers but no client", async () => {
  // A peer that accepts connections and never answers.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) silent.push(conn);
  })();
  try {
    await withNode(async ({ send, put, service }) => {
      service.start();
      const envelope = {
        protocol: PROTOCOL_VERSION,
        cluster: "dynamo",
        sender: "n2",
        incarnation: 1,
      };
      const params = { envelope, digest: [], membership: "" };
      const asked = await send("/rpc", {
        method: "POST",
        headers: { authorization: `Bearer ${SECRET}` },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "gossip", params }),
      });
      equal((await asked.json()).result.status, "gossip", "peers can see that it is alive");
      for (const response of [await put("/kv/k", "x"), await send("/ready")]) {
        const { type, detail } = await problemOf(response);
        deepEqual([type, /what they remember of it/.test(detail)], ["not-ready", true], detail);
      }
      const { recovery } = await (await send("/status")).json();
      deepEqual(recovery, {
        status: "recovering",
        cause: "replaced",
        ranges: 128,
        waitingFor: ["n2"],
      });
    }, {
      others: ["n2"],
      othersUrl: `http://127.0.0.1:${listener.addr.port}`,
      replaced: true,
      config: { n: 2, r: 1, w: 1, timeoutMs: 20_000 },
    });
  } finally {
    listener.close();
    for (const conn of silent) conn.close();
    await accepting;
  }
});

Deno.test("a read that fails because of a recovering node names it and the node it waits for", async () => {
  await withNode(async ({ send, service }) => {
    await service.start();
    for (const path of ["/kv/k", "/kv/k?sloppy=false"]) {
      const response = await send(path);
      equal(response.status, 503);
      const { type, detail } = await problemOf(response);
      equal(type, "quorum-not-met");
      match(detail, /disk of n1 was replaced, and 'k' may be missing .* copied from n2$/);
    }
  }, { others: ["n2"], othersUrl: "http://127.0.0.1:1", replaced: true, config: { n: 2, r: 1 } });
});
