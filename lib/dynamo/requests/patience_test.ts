/** How long silent replicas are waited for: each stand-in has as long as the replica before it. */
import assert from "node:assert/strict";
import { IDS, KEY, ReplicaHarness } from "../../../tests/replica_harness.ts";
import type { ClientRequest } from "../types/client_messages.ts";
import type { NodeId } from "../types/ids.ts";

const PRIMARIES = new ReplicaHarness("n1").replica.ring.primariesOfKey(KEY);
const [FIRST = "", SECOND = "", THIRD = ""] = PRIMARIES;
const OTHERS = IDS.filter((id) => !PRIMARIES.includes(id));
const PUT: ClientRequest = {
  method: "put",
  key: KEY,
  value: "aGVsbG8=",
  contentType: "text/plain",
  context: null,
};
const CONFIG = { timeoutMs: 10_000, patienceMs: 500, antiEntropyIntervalMs: 0 };

/** A coordinator that runs; its scans of an empty disk are done. */
function coordinator(): ReplicaHarness {
  const bench = new ReplicaHarness(FIRST, CONFIG);
  bench.step({ kind: "start" });
  for (let scans = bench.take("scan"); scans.length > 0; scans = bench.take("scan")) {
    for (const { id } of scans) bench.step({ kind: "scanned", id, records: [], next: null });
  }
  return bench;
}

interface Asked {
  readonly node: NodeId;
  /** Since the first replica was asked. */
  readonly atMs: number;
}

/** Whom the coordinator asks over 4 s, while only THIRD answers and all nodes gossip. */
function asked(bench: ReplicaHarness, method: "replica.put" | "replica.get"): Asked[] {
  const found: Asked[] = [];
  const begin = bench.now;
  for (let step = 0; step <= 400; step++) {
    for (const { id, to, request } of bench.take("call")) {
      if (request.method !== method) continue;
      found.push({ node: to, atMs: Math.round((bench.now - begin) / 1_000) });
      if (to !== THIRD) continue;
      const reply = method === "replica.put"
        ? { status: "stored" } as const
        : { status: "record", siblings: [] } as const;
      bench.step({ kind: "reply", id, reply });
    }
    bench.pass(10);
    for (const from of IDS.filter((id) => id !== FIRST && id !== SECOND)) {
      bench.step({ kind: "peer", id: 900, from, request: { method: "gossip.states", states: [] } });
    }
    bench.take("respond");
  }
  return found;
}

function standIns(found: readonly Asked[]): Asked[] {
  return found.filter(({ node }) => OTHERS.includes(node));
}

Deno.test("patience: a stand-in that is silent, too, is passed over after the same time", () => {
  const bench = coordinator();
  bench.step({ kind: "client", id: 1, request: { ...PUT, w: 3 } });
  bench.loaded(null);
  bench.step({ kind: "stored", id: bench.one("store").id });
  const times = standIns(asked(bench, "replica.put")).map(({ atMs }) => atMs);
  assert.deepEqual(times, [500, 1_000]);
});

Deno.test("patience: it also begins when the coordinator's own commit took longer", () => {
  const bench = coordinator();
  bench.step({ kind: "client", id: 1, request: { ...PUT, w: 3 } });
  bench.loaded(null);
  const { id } = bench.one("store");
  for (let i = 0; i < 70; i++) bench.pass(10);
  bench.step({ kind: "stored", id });
  const times = standIns(asked(bench, "replica.put")).map(({ atMs }) => atMs);
  assert.deepEqual(times, [500, 1_000]);
});

Deno.test("patience: reads go on to further stand-ins, too", () => {
  const bench = coordinator();
  bench.step({ kind: "client", id: 1, request: { method: "get", key: KEY, r: 3 } });
  bench.loaded(null);
  const times = standIns(asked(bench, "replica.get")).map(({ atMs }) => atMs);
  assert.deepEqual(times, [500, 1_000]);
});
