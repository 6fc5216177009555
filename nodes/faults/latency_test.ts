/** Latency that is injected into the messages of calls, by `--latency` and by `/faults`. */
import { deepEqual, equal } from "node:assert/strict";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import type { CallAnswer } from "../rpc/peer_caller.ts";
import { readFaults } from "./fault_settings.ts";
import { Faults } from "./faults.ts";
import { FaultyCaller } from "./faulty_calls.ts";

const GET: PeerRequest = { method: "replica.get", key: "k" };
const PUT: PeerRequest = { method: "replica.put", key: "k", siblings: [], purpose: "replicate" };
const GOSSIP: PeerRequest = { method: "gossip.states", states: [] };
const STORED: CallAnswer = { kind: "reply", reply: { status: "stored" } };
const TIMEOUT_MS = 5_000;

interface Bench {
  readonly caller: FaultyCaller;
  /** How much time each call had left when it was sent. */
  readonly leftMs: number[];
  /** Resolves with the time that the call took, there and back. */
  ask(request: PeerRequest, to?: string): Promise<number>;
}

async function withLatency(
  latency: string | undefined,
  work: (bench: Bench) => Promise<void>,
  faults: Faults | null = null,
): Promise<void> {
  const leftMs: number[] = [];
  const zones: Record<string, string> = { n1: "a", n2: "a", n3: "b" };
  const caller = new FaultyCaller({
    inner: {
      call: (_to, _request, timeoutMs, answer) => {
        leftMs.push(timeoutMs);
        queueMicrotask(() => answer(STORED));
      },
    },
    self: "n1",
    memberOf: (id) => ({ id, url: `http://${id}`, weight: 1, zone: zones[id] ?? "" }),
    legs: latency === undefined ? undefined : parseLegs(latency),
    faults,
    random: SeededRandom.from(1),
  });
  const ask = async (request: PeerRequest, to = "n2") => {
    const startedMs = performance.now();
    await new Promise((resolve) => caller.call(to, request, TIMEOUT_MS, resolve));
    return performance.now() - startedMs;
  };
  try {
    await work({ caller, leftMs, ask });
  } finally {
    caller.close();
  }
}

/** The delay line delivers what is nearly due, so a message may be slightly early. */
const isAtLeast = (tookMs: number, ms: number) =>
  equal(tookMs >= ms - 0.5, true, `${ms} ms took ${tookMs}`);

Deno.test("latency: each leg delays its own message and shortens the time that the call has left", async () => {
  await withLatency("W=30;A=0;R=20;S=40;other=0", async ({ ask, leftMs }) => {
    isAtLeast(await ask(GET), 60);
    isAtLeast(await ask(PUT), 30);
    const [get, put] = leftMs as [number, number];
    isAtLeast(TIMEOUT_MS - get, 20);
    isAtLeast(TIMEOUT_MS - put, 30);
  });
});

Deno.test("latency: a message without a delay is not held", async () => {
  await withLatency("W=0;A=0;R=1000;S=1000", async ({ ask, caller }) => {
    const asked = ask(GOSSIP);
    equal(caller.messagesDelayed, 0);
    await asked;
  });
});

Deno.test("latency: calls made at the same time are delayed independently", async () => {
  await withLatency("uniform(0,60)", async ({ ask, caller }) => {
    const took = await Promise.all(Array.from({ length: 40 }, () => ask(GET)));
    equal(Math.max(...took) - Math.min(...took) > 20, true);
    equal(caller.messagesDelayed, 0);
  });
});

Deno.test("latency: remote adds to calls into other zones, and /faults adds to all calls", async () => {
  const faults = new Faults("n1", SeededRandom.from(1));
  await withLatency("W=1;A=0;R=0;S=0;remote=30", async ({ ask }) => {
    isAtLeast(await ask(GET, "n3"), 60);
    faults.set(readFaults({ latency: "W=0;A=0;R=0;S=40" }, ["n2", "n3"]));
    isAtLeast(await ask(GET, "n2"), 40);
    isAtLeast(await ask(GET, "n3"), 100);
  }, faults);
  await withLatency(undefined, async ({ ask, leftMs }) => {
    isAtLeast(await ask(GET), 40);
    deepEqual(leftMs.length, 1);
  }, faults);
});
