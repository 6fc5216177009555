import { deepEqual, equal } from "node:assert/strict";
import type { Effect, Event } from "../../lib/dynamo/types/events.ts";
import type { Micros } from "../../lib/dynamo/types/ids.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import type { CallAnswer, PeerCaller } from "../rpc/peer_caller.ts";
import { StorageError } from "../storage/storage.ts";
import { Host, type HostStore, type Stepper } from "./host.ts";

/** A replica that records its events and returns the effects that the test defines. */
class ScriptedReplica implements Stepper {
  readonly events: Event[] = [];
  depth = 0;
  deepest = 0;
  constructor(private readonly react: (event: Event) => readonly Effect[]) {}

  step(_now: Micros, event: Event, effects: Effect[]): void {
    this.depth++;
    this.deepest = Math.max(this.deepest, this.depth);
    this.events.push(event);
    effects.push(...this.react(event));
    this.depth--;
  }
}

const RECORD: StoredRecord = { key: "k", siblings: [] };
const WRITES = 17;
const NO_PEERS: PeerCaller = { call: () => {} };

function storeWith(changes: Partial<HostStore>): HostStore {
  const unexpected = () => Promise.reject(new Error("the test does not expect this call"));
  return {
    load: unexpected,
    store: unexpected,
    delete: unexpected,
    scan: unexpected,
    scanHints: unexpected,
    writeMeta: unexpected,
    saveDiskState: unexpected,
    writes: WRITES,
    ...changes,
  };
}

function fail(error: unknown): void {
  throw error;
}

/** Waits until the replica has received an event of this kind. */
async function until(replica: ScriptedReplica, kind: Event["kind"]): Promise<void> {
  for (let turn = 0; !replica.events.some((event) => event.kind === kind); turn++) {
    if (turn > 500) throw new Error(`no event ${kind}: ${JSON.stringify(replica.events)}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("a request is answered once, by the effect with its id", () => {
  const replica = new ScriptedReplica((event) =>
    event.kind === "client"
      ? [
        { kind: "respond", id: event.id, reply: { status: "stored" } },
        { kind: "respond", id: event.id, reply: { status: "stored" } },
        { kind: "respond", id: 999, reply: { status: "stored" } },
      ]
      : []
  );
  const host = new Host(replica, storeWith({}), NO_PEERS, fail);
  const answers: unknown[] = [];
  host.client({ method: "get", key: "k" }, (reply) => answers.push(reply));
  deepEqual(answers, [{ status: "stored" }]);
  equal(host.requestsWaiting, 0);
});

Deno.test("an event that an effect causes waits until the step has ended", () => {
  const replica = new ScriptedReplica((event) =>
    event.kind === "client" && event.request.key === "first"
      ? [{ kind: "respond", id: event.id, reply: { status: "stored" } }]
      : []
  );
  const host = new Host(replica, storeWith({}), NO_PEERS, fail);
  host.client({ method: "get", key: "first" }, () => {
    host.client({ method: "get", key: "second" }, () => {});
  });
  deepEqual(replica.events.map((event) => event.kind), ["client", "client"]);
  equal(replica.deepest, 1);
});

Deno.test("the results of a load and a store are delivered as events", async () => {
  const replica = new ScriptedReplica((event) => {
    switch (event.kind) {
      case "client":
        return [{ kind: "load", id: 1, key: "k", position: "00" }];
      case "loaded":
        return [{ kind: "store", id: 2, position: "00", record: RECORD }];
      default:
        return [];
    }
  });
  const stored: StoredRecord[] = [];
  const host = new Host(
    replica,
    storeWith({
      load: () => Promise.resolve(RECORD),
      store: (record) => {
        stored.push(record);
        return Promise.resolve();
      },
    }),
    NO_PEERS,
    fail,
  );
  host.client({ method: "get", key: "k" }, () => {});
  await until(replica, "stored");
  deepEqual(replica.events.slice(1), [
    { kind: "loaded", id: 1, record: RECORD },
    { kind: "stored", id: 2, writes: WRITES },
  ]);
  deepEqual(stored, [RECORD]);
});

Deno.test("disk failures are delivered, and a damaged record is marked as unreadable", async () => {
  for (const [code, unreadable] of [["unreadable", true], ["io", false]] as const) {
    const replica = new ScriptedReplica((event) =>
      event.kind === "client" ? [{ kind: "load", id: 1, key: "k", position: "00" }] : []
    );
    const load = () => Promise.reject(new StorageError(code, "it is broken"));
    const host = new Host(replica, storeWith({ load }), NO_PEERS, fail);
    host.client({ method: "get", key: "k" }, () => {});
    await until(replica, "storage-failed");
    deepEqual(replica.events[1], {
      kind: "storage-failed",
      id: 1,
      reason: "it is broken",
      unreadable,
    });
  }
});

Deno.test("the results of calls are delivered as replies or failures", () => {
  const answers: ((answer: CallAnswer) => void)[] = [];
  const peers: PeerCaller = { call: (_to, _request, _ms, answer) => void answers.push(answer) };
  const call = (id: number): Effect => ({
    kind: "call",
    id,
    to: "n2",
    request: { method: "replica.get", key: "k" },
    timeoutMs: 100,
  });
  const replica = new ScriptedReplica((event) => event.kind === "client" ? [call(1), call(2)] : []);
  const host = new Host(replica, storeWith({}), peers, fail);
  host.client({ method: "get", key: "k" }, () => {});
  answers[1]?.({ kind: "failed", reason: "refused", undelivered: true });
  answers[0]?.({ kind: "reply", reply: { status: "stored" } });
  deepEqual(replica.events.slice(1), [
    { kind: "call-failed", id: 2, undelivered: true, reason: "refused" },
    { kind: "reply", id: 1, reply: { status: "stored" } },
  ]);
});

Deno.test("a new timer replaces the old one", async () => {
  let now = 0;
  const replica = new ScriptedReplica((event) =>
    event.kind === "client"
      ? [{ kind: "timer", id: 1, at: 60_000_000 }, { kind: "timer", id: 2, at: 1_000 }]
      : []
  );
  const host = new Host(replica, storeWith({}), NO_PEERS, fail, () => {}, () => now);
  host.client({ method: "get", key: "k" }, () => {});
  now = 1_000;
  await until(replica, "timer");
  deepEqual(replica.events[1], { kind: "timer", id: 2 });
  host.stop();
});

Deno.test("observations reach a listener until it unsubscribes", () => {
  const replica = new ScriptedReplica((event) =>
    event.kind === "client"
      ? [{ kind: "emit", observation: { type: "forward", key: event.request.key, to: "n2" } }]
      : []
  );
  const host = new Host(replica, storeWith({}), NO_PEERS, fail);
  const seen: string[] = [];
  const unsubscribe = host.observe((observation) => seen.push(JSON.stringify(observation)));
  host.client({ method: "get", key: "a" }, () => {});
  unsubscribe();
  host.client({ method: "get", key: "b" }, () => {});
  deepEqual(seen, ['{"type":"forward","key":"a","to":"n2"}']);
});

Deno.test("a replica that throws is reported and not stepped again", () => {
  const defects: unknown[] = [];
  let steps = 0;
  const broken: Stepper = {
    step: () => {
      steps++;
      throw new Error("a broken assertion");
    },
  };
  const host = new Host(broken, storeWith({}), NO_PEERS, (error) => defects.push(error));
  host.client({ method: "get", key: "a" }, () => {});
  host.client({ method: "get", key: "b" }, () => {});
  equal(defects.length, 1);
  equal(steps, 1);
});

Deno.test("the membership is saved as one document, and the replica gets the outcome", async () => {
  const document = { state: { members: [], tokens: [], registers: [] }, marks: [] };
  const kept: unknown[] = [];
  const disks: [HostStore["writeMeta"], Event][] = [
    [(name, json) => Promise.resolve(void kept.push([name, json])), {
      kind: "stored",
      id: 7,
      writes: WRITES,
    }],
    [() => Promise.reject(new StorageError("full", "the disk is full")), {
      kind: "storage-failed",
      id: 7,
      reason: "the disk is full",
      unreadable: false,
    }],
  ];
  for (const [writeMeta, outcome] of disks) {
    const replica = new ScriptedReplica((event) =>
      event.kind === "start" ? [{ kind: "save", id: 7, document }] : []
    );
    let saved = 0;
    const host = new Host(replica, storeWith({ writeMeta }), NO_PEERS, fail, () => saved++);
    host.start();
    await until(replica, outcome.kind);
    deepEqual(replica.events.at(-1), outcome);
    equal(saved, outcome.kind === "stored" ? 1 : 0, "called only if the membership is durable");
    host.stop();
  }
  deepEqual(kept, [["membership", document]]);
});

Deno.test("the disk's state is saved, and the replica gets an event when it is durable", async () => {
  const state = { incarnation: 3, condition: "recovering" } as const;
  const saved: unknown[] = [];
  const replica = new ScriptedReplica((event) =>
    event.kind === "start" ? [{ kind: "save-disk-state", id: 4, state }] : []
  );
  const saveDiskState = (given: unknown) => Promise.resolve(void saved.push(given));
  const host = new Host(replica, storeWith({ saveDiskState }), NO_PEERS, fail);
  host.start();
  await until(replica, "stored");
  deepEqual(replica.events.at(-1), { kind: "stored", id: 4, writes: WRITES });
  deepEqual(saved, [state]);
  host.stop();
});

Deno.test("a scan past every cache reaches the store as one", async () => {
  const asked: unknown[] = [];
  const replica = new ScriptedReplica((event) =>
    event.kind === "start"
      ? [
        { kind: "scan", id: 1, after: null, limit: 10 },
        { kind: "scan", id: 2, after: null, limit: 10, fromDisk: true },
      ]
      : []
  );
  const scan: HostStore["scan"] = (options) => {
    asked.push(options);
    return Promise.resolve({ records: [], unreadable: [], next: null });
  };
  const host = new Host(replica, storeWith({ scan }), NO_PEERS, fail);
  host.start();
  await until(replica, "scanned");
  deepEqual(asked, [{ limit: 10 }, { limit: 10, fromDisk: true }]);
  host.stop();
});
