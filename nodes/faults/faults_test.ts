/** Faults that a node injects: which requests are accepted, and their effect on calls and on the disk. */
import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { Member } from "../../lib/dynamo/types/ids.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import type { HostStore } from "../host/host.ts";
import type { CallAnswer } from "../rpc/peer_caller.ts";
import { StorageError } from "../storage/storage.ts";
import { type FaultRequest, NO_FAULTS, readFaults } from "./fault_settings.ts";
import { Faults } from "./faults.ts";
import { FaultyCaller, FaultyListener } from "./faulty_calls.ts";
import { FaultyStore } from "./faulty_store.ts";

const PEERS = ["n2", "n3"];
const GET: PeerRequest = { method: "replica.get", key: "k" };
const STORED: CallAnswer = { kind: "reply", reply: { status: "stored" } };

Deno.test("faults: a field that is left out means no fault, and given fields are kept", () => {
  deepEqual(readFaults({}, PEERS), NO_FAULTS);
  deepEqual(readFaults({ latency: null, partition: null, disk: {} }, PEERS), NO_FAULTS);
  const given = {
    drop: 0.1,
    duplicate: 1,
    partition: { nodes: ["n3", "n2", "n3"] },
    disk: { slowMs: 20, failing: 0.5, operations: "loads", full: true },
  };
  deepEqual(readFaults({ ...given, latency: "W=exp(1);A,R,S=0.5" }, PEERS), {
    ...NO_FAULTS,
    ...given,
    latency: "W=exp(1);A=0.5;R=0.5;S=0.5;other=0;remote=0",
    partition: { nodes: ["n3", "n2"], direction: "both" },
  });
});

for (
  const [given, wrong] of [
    [[], /^faults must be an object with some of latency, drop, .*: current value is \[\]/],
    [{ dorp: 1 }, /unknown field 'dorp' in faults: allowed are latency, drop/],
    [{ drop: 1.5 }, /drop must be a probability, a number from 0 to 1: current value is 1\.5/],
    [{ duplicate: "1" }, /duplicate must be a probability.*current value is "1"/],
    [{ latency: 10 }, /latency must be a latency spec.*current value is 10/],
    [{ latency: "W=1" }, /latency: .*W, A, R and S are all needed/],
    [{ partition: ["n2"] }, /partition must be an object with some of nodes, direction/],
    [{ partition: { nodes: [] } }, /partition\.nodes must be a list of some of n2, n3/],
    [{ partition: { nodes: ["n1"] } }, /partition\.nodes must be one of n2, n3:.*'n1'/],
    [
      { partition: { nodes: ["n2"], direction: "up" } },
      /partition\.direction must be one of both, out, in: current value is 'up'/,
    ],
    [{ disk: { slowMs: -1 } }, /disk\.slowMs must be a whole number from 0 to 60000: .* -1/],
    [{ disk: { failing: 2 } }, /disk\.failing must be a probability/],
    [{ disk: { slow: 2 } }, /unknown field 'slow' in disk: allowed are slowMs, failing/],
    [
      { disk: { operations: "some" } },
      /disk\.operations must be one of loads, stores, both: .*"some"/,
    ],
    [{ disk: { full: 1 } }, /disk\.full must be true or false: current value is 1/],
    [{ strangers: "n9" }, /strangers must be a list of at most 64 node ids: .*"n9"/],
    [{ partition: { nodes: ["n9"] } }, /partition\.nodes must be one of .*n9/],
    [{ links: {} }, /links must be a list of at most 64 link faults: current value is \{\}/],
  ] as const
) {
  Deno.test(`faults: refused with the reason: ${JSON.stringify(given)}`, () => {
    throws(() => readFaults(given, PEERS), (error: Error) => {
      match(error.message, wrong);
      return error instanceof ConfigError;
    });
  });
}

Deno.test("faults: a node can be cut off from a non-member that strangers lists", () => {
  const partition = { nodes: ["n9"] };
  const links = [{ kind: "clog", to: ["n9"] }];
  const settings = readFaults({ partition, links, strangers: ["n9"] }, PEERS);
  deepEqual(settings.partition, { nodes: ["n9"], direction: "both" });
  deepEqual(settings.links, links);
});

function member(id: string): Member {
  return { id, url: `http://${id}`, weight: 1 };
}

/** Node n1's caller and listener with injected faults. The test answers the calls itself. */
class Bench {
  readonly faults = new Faults("n1", SeededRandom.from(1));
  readonly sent: { readonly to: string; readonly answer: (answer: CallAnswer) => void }[] = [];
  readonly heard: CallAnswer[] = [];
  readonly caller = new FaultyCaller({
    inner: { call: (to, _request, _timeoutMs, answer) => void this.sent.push({ to, answer }) },
    self: "n1",
    memberOf: member,
    faults: this.faults,
    random: SeededRandom.from(2),
  });
  readonly received: string[] = [];
  readonly listener = new FaultyListener("n1", this.faults, (from) => {
    this.received.push(from);
  }, 1);

  set(request: FaultRequest): void {
    this.faults.set(readFaults(request, PEERS));
  }

  call(to: string): void {
    this.caller.call(to, GET, 1_000, (answer) => this.heard.push(answer));
  }

  /** Whether calls to the node go out, its calls come in, and its answers arrive. */
  reach(node: string): { out: boolean; in: boolean; heard: boolean } {
    const [sent, received, heard] = [this.sent.length, this.received.length, this.heard.length];
    this.call(node);
    this.listener.handle(node, GET, () => {});
    this.sent[sent]?.answer(STORED);
    return {
      out: this.sent.length > sent,
      in: this.received.length > received,
      heard: this.heard.length > heard,
    };
  }

  close(): void {
    this.caller.close();
    this.listener.close();
  }
}

Deno.test("faults: a partition loses calls out, in or both ways, and an answer on its way", () => {
  const bench = new Bench();
  const well = { out: true, in: true, heard: true };
  const cuts = {
    both: { out: false, in: false, heard: false },
    out: { out: false, in: true, heard: false },
    in: { out: true, in: false, heard: true },
  };
  for (const direction of ["both", "out", "in"] as const) {
    bench.set({ partition: { nodes: ["n2"], direction } });
    deepEqual(bench.reach("n2"), cuts[direction]);
    deepEqual(bench.reach("n3"), well);
  }
  const { callsCut, callsRefused } = bench.faults.injected;
  deepEqual({ callsCut, callsRefused }, { callsCut: 2, callsRefused: 2 });
  bench.set({});
  deepEqual(bench.reach("n2"), well);
  bench.sent.length = 0;
  bench.heard.length = 0;
  bench.call("n2");
  bench.set({ partition: { nodes: ["n2"] } });
  bench.call("n2");
  bench.call("n3");
  deepEqual(bench.sent.map(({ to }) => to), ["n2", "n3"], "the second call was cut");
  for (const { answer } of bench.sent) answer(STORED);
  equal(bench.heard.length, 1, "n3's answer; n2's was lost in the cut");
  equal(bench.faults.injected.callsCut, 4);
  bench.faults.set(NO_FAULTS);
  bench.call("n2");
  equal(bench.sent.length, 3);
  bench.close();
});

Deno.test("faults: drop 1 loses every message, drop 0.5 about half, calls and answers alike", () => {
  const bench = new Bench();
  bench.set({ drop: 1 });
  bench.call("n2");
  equal(bench.sent.length, 0);
  bench.set({ drop: 0.5 });
  for (let i = 0; i < 1_000; i++) bench.call("n2");
  const { length: arrived } = bench.sent;
  equal(arrived > 400 && arrived < 600, true, `${arrived} of 1000 calls arrived`);
  for (const { answer } of bench.sent) answer(STORED);
  const { length: heard } = bench.heard;
  equal(heard > 180 && heard < 320, true, `${heard} of 1000 answers came back`);
  equal(bench.faults.injected.messagesDropped, 1 + 1_000 - heard);
});

Deno.test("faults: a duplicated call is made again once it was answered, and its second answer is ignored", () => {
  const bench = new Bench();
  bench.set({ duplicate: 1 });
  bench.call("n2");
  bench.call("n3");
  const failed = { kind: "failed", reason: "gone", undelivered: false } as const;
  bench.sent[0]?.answer(failed);
  equal(bench.sent.length, 2, "a call that failed is not made again");
  bench.sent[1]?.answer(STORED);
  deepEqual(bench.sent.map(({ to }) => to), ["n2", "n3", "n3"]);
  bench.sent[2]?.answer(STORED);
  deepEqual(bench.heard, [failed, STORED]);
  equal(bench.faults.injected.callsDuplicated, 2);
  const { dropped, duplicated } = bench.faults.linkCounters;
  deepEqual({ dropped, duplicated }, { dropped: 0, duplicated: 0 }, "counted once");
});

Deno.test("faults: a call from the other side of a partition gets no answer in time, and is released afterwards", async () => {
  const faults = new Faults("n1", SeededRandom.from(1));
  faults.set(readFaults({ partition: { nodes: ["n2"], direction: "in" } }, PEERS));
  const arrived: string[] = [];
  const listener = new FaultyListener("n1", faults, (from, _, answer) => {
    arrived.push(from);
    answer({ status: "stored" });
  }, 20);
  const replies: PeerReply[] = [];
  const late = new Promise<PeerReply>((resolve) => listener.handle("n2", GET, resolve));
  listener.handle("n3", GET, (reply) => void replies.push(reply));
  deepEqual([arrived, replies], [["n3"], [{ status: "stored" }]]);
  equal((await late).status, "error");
  listener.close();
});

/** A disk that records its accesses in order. */
function recordingStore(done: string[]): HostStore {
  const note = (access: string) => Promise.resolve(void done.push(access));
  return {
    load: (key) => note(`load ${key}`).then(() => null),
    store: (record) => note(`store ${record.key}`),
    delete: (key) => note(`delete ${key}`),
    scan: () => note("scan").then(() => ({ records: [], unreadable: [], next: null })),
    scanHints: () => note("hints").then(() => []),
    writeMeta: (name) => note(`remember ${name}`),
    saveDiskState: ({ condition }) => note(`disk is ${condition}`),
    get writes() {
      return done.length;
    },
  };
}

function record(key: string): StoredRecord {
  return { key, siblings: [] };
}

Deno.test("faults: a slow disk keeps the order of accesses, even when it recovers meanwhile", async () => {
  const done: string[] = [];
  const faults = new Faults("n1", SeededRandom.from(1));
  const store = new FaultyStore(recordingStore(done), faults);
  faults.set(readFaults({ disk: { slowMs: 30 } }, PEERS));
  const begunMs = performance.now();
  const first = store.store(record("a"), "0");
  faults.set(NO_FAULTS);
  const second = store.load("a", "0");
  deepEqual(done, []);
  await Promise.all([first, second]);
  equal(performance.now() - begunMs >= 29, true, "it took as long as requested");
  deepEqual(done, ["store a", "load a"]);
  const third = store.delete("a", "0");
  deepEqual(done.at(-1), "delete a", "nothing waits on a healthy disk");
  await third;
  store.close();
});

Deno.test("faults: a failing disk reports io errors, and some failed writes are stored anyway", async () => {
  const done: string[] = [];
  const faults = new Faults("n1", SeededRandom.from(1));
  const store = new FaultyStore(recordingStore(done), faults);
  faults.set(readFaults({ disk: { failing: 1 } }, PEERS));
  const isDiskError = (error: Error) => error instanceof StorageError && error.code === "io";
  await rejects(store.load("a", "0"), isDiskError);
  await rejects(store.scan({ limit: 1 }), isDiskError);
  await rejects(store.scanHints("n2", { limit: 1 }), isDiskError);
  deepEqual(done, []);
  for (let i = 0; i < 100; i++) await rejects(store.store(record("a"), "0"), isDiskError);
  equal(done.length > 30 && done.length < 70, true, `${done.length} of 100 were written`);
  equal(faults.injected.diskFailures, 103);
});

Deno.test("faults: a disk can fail stores only, or be full and store nothing", async () => {
  const done: string[] = [];
  const faults = new Faults("n1", SeededRandom.from(1));
  const store = new FaultyStore(recordingStore(done), faults);
  faults.set(readFaults({ disk: { failing: 1, operations: "stores" } }, PEERS));
  await store.load("a", "0");
  await rejects(store.delete("a", "0"), { code: "io" });
  done.length = 0;
  faults.set(readFaults({ disk: { full: true } }, PEERS));
  for (let i = 0; i < 20; i++) await rejects(store.store(record("a"), "0"), { code: "full" });
  await store.load("a", "0");
  deepEqual(done, ["load a"]);
});
