import assert from "node:assert/strict";
import { type ClusterConfig, ConfigError } from "../../lib/dynamo/types/config.ts";
import { makeInitialConfig, parseInitialConfig, reopenedConfig } from "./cluster_config_file.ts";

const URLS = ["http://127.0.0.1:9100", "http://127.0.0.1:9101", "http://127.0.0.1:9102"];

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail("it was not refused");
}

Deno.test("members are n1, n2, … with URLs, weights and zones, and all have tokens", () => {
  const initialConfig = makeInitialConfig(
    { weights: [1, 2, 1], zones: ["a", "b", "a"], seed: 7 },
    URLS,
  );
  assert.deepEqual(initialConfig.members.map(({ dataId: _, ...member }) => member), [
    { id: "n1", url: URLS[0], weight: 1, zone: "a" },
    { id: "n2", url: URLS[1], weight: 2, zone: "b" },
    { id: "n3", url: URLS[2], weight: 1, zone: "a" },
  ]);
  const dataIds = initialConfig.members.map(({ dataId }) => dataId);
  assert.ok(dataIds.every((dataId) => /^[0-9a-z]{8}$/.test(dataId ?? "")), `${dataIds}`);
  assert.equal(new Set(dataIds).size, 3);
  const held = (id: string) => initialConfig.ring.tokens.filter(({ owner }) => owner === id).length;
  assert.deepEqual(["n1", "n2", "n3"].map(held), [32, 64, 32]);
});

Deno.test("each seed gives its own ring, and no seed gives a random ring", () => {
  // With equal partitions there are only six ways to assign them to three nodes.
  const config = { partitioning: "random-tokens" } as const;
  const ring = (seed?: number | string) =>
    JSON.stringify(
      makeInitialConfig(seed === undefined ? { config } : { config, seed }, URLS).ring,
    );
  assert.equal(ring(7), ring("7"));
  assert.notEqual(ring(7), ring(8));
  assert.notEqual(ring(), ring());
});

Deno.test("without a name the cluster gets a random one", () => {
  assert.equal(makeInitialConfig({ config: { cluster: "mine" } }, URLS).config.cluster, "mine");
  const drawn = [1, 2].map(() => makeInitialConfig({}, URLS).config.cluster);
  assert.match(drawn[0] ?? "", /^dynamo-[0-9a-f]{6}$/);
  assert.notEqual(drawn[0], drawn[1]);
});

Deno.test("a cluster in which no request could succeed is refused", () => {
  const made = (nodes: number, config: Partial<ClusterConfig>) => () =>
    makeInitialConfig({ config }, URLS.slice(0, nodes));
  assert.match(
    refusal(made(1, {})),
    /^nodes must be at least 2, because a get needs R=2 of them and a put W=2: current value is 1/,
  );
  assert.match(refusal(made(2, { r: 3 })), /^nodes must be at least 3/);
  assert.match(refusal(made(2, { w: 3 })), /^nodes must be at least 3/);
  made(2, {})();
  made(1, { n: 1 })();
  made(1, { r: 1, w: 1 })();
});

Deno.test("a restart keeps the fixed part, and given defaults replace the stored ones", () => {
  const initialConfig = makeInitialConfig({ config: { timeoutMs: 1_000, r: 1 }, seed: 7 }, URLS);
  const read = parseInitialConfig(JSON.stringify(initialConfig), "cluster.json");
  assert.deepEqual(read, initialConfig);

  const moved = URLS.map((url) => url.replace("91", "92"));
  const again = reopenedConfig(read, { config: { w: 3, n: 3 }, nodes: 3, seed: 7 }, moved);
  assert.deepEqual(again.members.map(({ url }) => url), moved);
  assert.deepEqual(again.ring, initialConfig.ring);
  const dataIds = (each: typeof initialConfig) => each.members.map(({ dataId }) => dataId);
  assert.deepEqual(dataIds(again), dataIds(initialConfig), "the data ids stay");
  const { r, w, timeoutMs, patienceMs } = again.config;
  assert.deepEqual({ r, w, timeoutMs, patienceMs }, {
    r: 1,
    w: 3,
    timeoutMs: 1_000,
    patienceMs: 250,
  });
  assert.equal(
    reopenedConfig(read, { config: { timeoutMs: 4_000 } }, URLS).config.patienceMs,
    1_000,
  );
});

Deno.test("a restart with another fixed part is refused, and every difference is named", () => {
  const initialConfig = makeInitialConfig({
    zones: ["a", "b", "c"],
    config: { partitioning: "random-tokens" },
    seed: 7,
  }, URLS);
  const config = { n: 1, mode: "lww", cluster: "other" } as const;
  const message = refusal(() =>
    reopenedConfig(initialConfig, { config, zones: ["a", "a", "a"] }, URLS)
  );
  for (const part of ["n 3", "n 1", "mode dvv", "mode lww", "zones a,b,c", "cluster other"]) {
    assert.ok(message.includes(part), `${part} in: ${message}`);
  }
  assert.match(
    refusal(() => reopenedConfig(initialConfig, { seed: 8 }, URLS)),
    /seed another.*seed 8/,
  );
  assert.match(
    refusal(() => reopenedConfig(initialConfig, { config: { r: 4 } }, URLS)),
    /r must be .* 1 to 3: current value is 4/,
  );
});

Deno.test("a damaged configuration file is refused with its path and the reason", () => {
  const whole = JSON.parse(JSON.stringify(makeInitialConfig({}, URLS)));
  for (
    const [text, message] of [
      ["{", /JSON/],
      ["null", /no 'config'/],
      [JSON.stringify({ ...whole, members: [] }), /no 'members'/],
      [JSON.stringify({ ...whole, ring: {} }), /no 'ring'/],
      [JSON.stringify({ ...whole, members: [{ id: "n1", url: "nowhere" }] }), /id or url/],
    ] satisfies [string, RegExp][]
  ) {
    const error = refusal(() => parseInitialConfig(text, "/data/cluster.json"));
    assert.match(error, message);
    assert.ok(
      error.startsWith("/data/cluster.json is not a cluster's initial configuration"),
      error,
    );
  }
});

Deno.test("a ring from elsewhere keeps its zones but gets new data ids", () => {
  const { members, ring } = makeInitialConfig({ seed: 7, zones: ["a", "b", "a"] }, URLS);
  const simulated = members.map((member) => ({ ...member, dataId: "d1" }));
  const initialConfig = makeInitialConfig({ drawn: { members: simulated, ring } }, URLS);
  assert.deepEqual(initialConfig.members.map(({ zone }) => zone), ["a", "b", "a"]);
  assert.ok(initialConfig.members.every(({ dataId }) => dataId !== "d1"));
  assert.equal(new Set(initialConfig.members.map(({ dataId }) => dataId)).size, 3);
});

Deno.test("a configuration without data ids is accepted, and an invalid data id is refused", () => {
  const initialConfig = makeInitialConfig({ seed: 7 }, URLS);
  const members = initialConfig.members.map(({ dataId: _, ...member }) => member);
  const old = parseInitialConfig(
    JSON.stringify({ ...initialConfig, members }),
    "cluster.json",
  );
  assert.deepEqual(old.members, members);
  const wrong = { ...initialConfig, members: [{ ...initialConfig.members[0], dataId: 7 }] };
  assert.match(
    refusal(() => parseInitialConfig(JSON.stringify(wrong), "cluster.json")),
    /the dataId of member 'n1' must be text/,
  );
});
