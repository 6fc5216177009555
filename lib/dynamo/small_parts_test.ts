import assert from "node:assert/strict";
import fc from "fast-check";
import { SeededRandom } from "../random/seeded.ts";
import { KnownForwards, rankCoordinators } from "./requests/forwarding.ts";
import { utf8Length, validateWith } from "./requests/request_options.ts";
import { clusterConfig, ConfigError } from "./types/config.ts";
import { below, shuffled } from "./types/random.ts";
import { Deadlines } from "./util/deadlines.ts";

Deno.test("deadlines: come due in order of time, then of entry, through any sweep", () => {
  const times = fc.array(fc.nat(20), { maxLength: 60 });
  fc.assert(fc.property(times, fc.nat(3), (ats, sweep) => {
    const deadlines = new Deadlines<number>();
    ats.forEach((at, i) => deadlines.add(at, i));
    if (sweep > 0) deadlines.keep((i) => i % (sweep + 1) !== 0);
    const expected = ats.map((at, i) => ({ at, i }))
      .filter(({ i }) => sweep === 0 || i % (sweep + 1) !== 0)
      .toSorted((a, b) => a.at - b.at || a.i - b.i)
      .map(({ i }) => i);
    const taken: number[] = [];
    for (let now = 0; now <= 20; now++) {
      for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
        assert.equal(ats[due], now);
        taken.push(due);
      }
    }
    assert.deepEqual(taken, expected);
  }));
});

Deno.test("known forwards: whatever was forgotten stays refused, also of an older incarnation", () => {
  const known = new KnownForwards();
  assert.equal(known.admit("n1/2/5", 1).kind, "new");
  assert.equal(known.admit("n1/2/3", 2).kind, "new");
  assert.equal(known.admit("n1/2/5", 3).kind, "waiting");
  known.forget("n1/2/5");
  assert.equal(known.admit("n1/2/5", 4).kind, "too-old");
  assert.equal(known.admit("n1/2/4", 5).kind, "too-old", "it cannot be told from a copy any more");
  assert.equal(known.admit("n1/2/3", 6).kind, "waiting", "what is remembered is not refused");
  assert.equal(known.admit("n1/1/9", 7).kind, "too-old");
  assert.equal(known.admit("n1/3/1", 8).kind, "new");
  assert.equal(known.admit("n2/1/1", 9).kind, "new", "every sender has its own floor");
  for (const garbled of ["garbled", "n3/1/0", "n3/1/-1", "n3/1/x", "n3/x/1", "/1/1", "a/b/1/1"]) {
    assert.equal(known.admit(garbled, 10).kind, "too-old", garbled);
  }
  known.forget("n1/3/1");
  known.forget("n1/2/3");
  assert.equal(known.size, 1);
  assert.equal(known.admit("n1/2/3", 11).kind, "too-old");
  assert.equal(known.admit("n1/3/2", 12).kind, "new");
});

Deno.test("coordinator choice: every choice ranks every primary once", () => {
  const primaries = ["a", "b", "c"];
  const loads = new Map([["a", 5], ["b", 0], ["c", 2]]);
  const peers = {
    load: (node: string) => loads.get(node) ?? 0,
    lastReadUs: (node: string) => ({ a: 300, b: 200, c: 100 })[node],
  };
  const random = SeededRandom.from(3);
  for (const choice of ["first", "random", "fastest", "least-loaded"] as const) {
    const ranked = rankCoordinators(primaries, choice, undefined, peers, random);
    assert.deepEqual(ranked.toSorted(), primaries);
  }
  assert.equal(rankCoordinators(primaries, "fastest", "b", peers, random)[0], "b");
  assert.equal(rankCoordinators(primaries, "fastest", "gone", peers, random)[0], "c");
  const heads = Array.from(
    { length: 300 },
    () => rankCoordinators(primaries, "least-loaded", undefined, peers, random)[0],
  );
  const times = (node: string) => heads.filter((head) => head === node).length;
  // Two draws of three: the least loaded leads unless both miss it (4/9), the most loaded only
  // when drawn twice (1/9).
  assert.ok(times("b") > times("c") && times("c") > times("a"), `${heads}`);
});

Deno.test("randomness: `below` is in range and reaches everything, shuffles permute", () => {
  const random = SeededRandom.from(1);
  const seen = new Set(Array.from({ length: 500 }, () => below(random, 7)));
  assert.deepEqual([...seen].toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(shuffled(random, [1, 2, 3, 4]).toSorted(), [1, 2, 3, 4]);
});

Deno.test("options: UTF-8 lengths are those of the encoder", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(utf8Length(text), new TextEncoder().encode(text).length);
  }));
});

Deno.test("options: bounds of key, value and quorums, each with a sentence that helps", () => {
  const config = clusterConfig();
  const get = (key: string, extra = {}) =>
    validateWith({ method: "get", key, ...extra }, config) ?? "";
  assert.equal(get("k".repeat(1024)), "");
  assert.match(get("k".repeat(1025)), /1 to 1024 bytes.*length is 1025/);
  assert.match(get("ä".repeat(513)), /length is 1026/);
  assert.match(get(""), /length is 0/);
  assert.match(get("k", { r: 4 }), /r must be a whole number from 1 to 3 \(N is 3\).*is 4/);
  assert.match(get("k", { pr: -1 }), /pr must be .* from 0/);
  assert.match(get("k", { timeoutMs: 0 }), /timeoutMs must be .* from 1 to 600000: .* is 0/);
  const put = (bytes: number) =>
    validateWith({
      method: "put",
      key: "k",
      value: new Uint8Array(bytes).toBase64(),
      contentType: "",
      context: null,
    }, config) ?? "";
  assert.equal(put(1_048_576), "");
  assert.match(put(1_048_577), /at most 1048576 bytes: current length is 1048577/);
});

Deno.test("config: what cannot be is refused by name", () => {
  assert.throws(() => clusterConfig({ n: 3, r: 4 }), {
    name: "ConfigError",
    message: "r must be a whole number from 1 to 3: current value is 4",
  });
  assert.throws(() => clusterConfig({ n: 0 }), ConfigError);
  assert.throws(() => clusterConfig({ mode: "crdt" as "dvv" }), /mode must be one of dvv, vector/);
  assert.equal(clusterConfig({ n: 1 }).r, 1, "defaults follow a small N");
  assert.equal(clusterConfig({ timeoutMs: 1000 }).patienceMs, 250);
});
