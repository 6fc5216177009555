import assert from "node:assert/strict";
import { clusterConfig, ConfigError } from "./config.ts";

Deno.test("config: an invalid value is refused with its name", () => {
  assert.throws(() => clusterConfig({ n: 3, r: 4 }), {
    name: "ConfigError",
    message: "r must be a whole number from 1 to 3: current value is 4",
  });
  assert.throws(() => clusterConfig({ n: 0 }), ConfigError);
  assert.throws(() => clusterConfig({ mode: "crdt" as "dvv" }), /mode must be one of dvv, vector/);
  assert.equal(clusterConfig({ n: 1 }).r, 1, "defaults are at most N");
  assert.equal(clusterConfig({ timeoutMs: 1000 }).patienceMs, 250);
});
