/** What an experiment makes of a write whose connection breaks. */
import assert from "node:assert/strict";
import { BreakingNode } from "../../../tests/breaking_node.ts";
import { liveGet, livePut } from "./live_requests.ts";

Deno.test("live requests: a write whose connection breaks is made once, and its end is not known", async () => {
  await using node = new BreakingNode();
  assert.equal((await liveGet(node.url, "k")).outcome, "ok", "absent is an answer");
  assert.equal((await livePut(node.url, "k", "v")).outcome, "indeterminate");
  assert.deepEqual(node.received, ["GET", "PUT"]);
});
