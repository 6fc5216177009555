/** Faults of single links on a node: which of its calls and their answers they affect. */
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { ConfigError } from "../../lib/dynamo/types/config.ts";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import type { CallAnswer } from "../rpc/peer_caller.ts";
import { readFaults } from "./fault_settings.ts";
import { Faults } from "./faults.ts";
import { FaultyCaller } from "./faulty_calls.ts";

const IDS = ["n1", "n2", "n3"];
const PEERS = ["n2", "n3"];
const GET: PeerRequest = { method: "replica.get", key: "k" };
const PUT: PeerRequest = { method: "replica.put", key: "k", siblings: [], purpose: "replicate" };
const STORED: CallAnswer = { kind: "reply", reply: { status: "stored" } };

/** Node n1. The test answers the calls itself. */
class Bench {
  readonly arrived: { readonly to: string; readonly answer: (answer: CallAnswer) => void }[] = [];
  readonly heard: CallAnswer[] = [];
  private readonly faults = new Faults("n1", SeededRandom.from(1));
  private readonly caller: FaultyCaller;

  constructor() {
    const memberOf = (id: string) =>
      IDS.includes(id) ? { id, url: `http://${id}`, weight: 1 } : null;
    const inner = {
      call: (to: string, _request: unknown, _ms: number, answer: (answer: CallAnswer) => void) =>
        void this.arrived.push({ to, answer }),
    };
    const random = SeededRandom.from(2);
    this.caller = new FaultyCaller({ inner, self: "n1", memberOf, faults: this.faults, random });
  }

  set(...links: readonly unknown[]): void {
    this.faults.set(readFaults({ links }, PEERS, IDS));
  }

  get counters() {
    return this.faults.linkCounters;
  }

  call(to: string, request: PeerRequest = GET): void {
    this.caller.call(to, request, 1_000, (answer) => void this.heard.push(answer));
  }

  /** Which calls arrive, and which of their answers come back. */
  exchange(): { readonly arrived: string[]; readonly heard: number } {
    this.arrived.length = 0;
    this.heard.length = 0;
    for (const to of PEERS) this.call(to);
    for (const { answer } of this.arrived) answer(STORED);
    return { arrived: this.arrived.map(({ to }) => to), heard: this.heard.length };
  }

  close(): void {
    this.caller.close();
  }
}

Deno.test("link faults: a one-way partition loses calls at one end and answers at the other", () => {
  const bench = new Bench();
  const oneway = (from: string, to: string) => ({
    kind: "partition-oneway",
    from: [from],
    to: [to],
    how: "drop",
  });
  bench.set(oneway("n1", "n2"));
  deepEqual(bench.exchange(), { arrived: ["n3"], heard: 1 });
  bench.set(oneway("n2", "n1"));
  deepEqual(bench.exchange(), { arrived: ["n2", "n3"], heard: 1 });
  bench.set(oneway("n2", "n3"));
  deepEqual(bench.exchange(), { arrived: ["n2", "n3"], heard: 2 }, "a link between other nodes");
  bench.set({ kind: "partition", groups: [["n1", "n3"], ["n2"]], how: "drop" });
  deepEqual(bench.exchange(), { arrived: ["n3"], heard: 1 });
  bench.set();
  deepEqual(bench.exchange(), { arrived: ["n2", "n3"], heard: 2 });
});

Deno.test("link faults: a refused call fails at once and is undelivered; a refused answer is just lost", async () => {
  const bench = new Bench();
  bench.set({ kind: "partition-oneway", from: ["n1"], to: ["n2"], how: "refuse" });
  bench.call("n2");
  const refused = { kind: "failed", reason: "no route to host", undelivered: true } as const;
  deepEqual([bench.arrived.length, bench.heard], [0, []], "not before `call` returns");
  await Promise.resolve();
  deepEqual([bench.arrived.length, bench.heard], [0, [refused]]);
  bench.set({ kind: "partition-oneway", from: ["n2"], to: ["n1"], how: "refuse" });
  deepEqual(bench.exchange(), { arrived: ["n2", "n3"], heard: 1 });
});

Deno.test("link faults: a message held back arrives, in order, only when the fault ends", () => {
  const bench = new Bench();
  const clog = { kind: "clog", to: ["n2"] };
  bench.set(clog);
  for (const to of ["n2", "n3", "n2"]) bench.call(to);
  deepEqual(bench.arrived.map(({ to }) => to), ["n3"]);
  bench.set({ kind: "loss", probability: 0 }, clog);
  equal(bench.arrived.length, 1, "the fault continues when another one is added");
  bench.set({ kind: "partition", groups: [["n1"], ["n3"]], how: "drop" });
  deepEqual(bench.arrived.map(({ to }) => to), ["n3", "n2", "n2"]);
  equal(bench.counters.held, 2);
});

Deno.test("link faults: legs tell a write's messages from a read's", () => {
  const bench = new Bench();
  bench.set({ kind: "loss", legs: ["W"], probability: 1 });
  bench.call("n2", PUT);
  equal(bench.arrived.length, 0);
  bench.call("n2", GET);
  equal(bench.arrived.length, 1);
  bench.set({ kind: "loss", legs: ["S"], probability: 1 });
  bench.arrived[0]?.answer(STORED);
  deepEqual(bench.heard, []);
});

Deno.test("link faults: a copy follows a call that was answered, and the copy's answer is ignored", () => {
  const bench = new Bench();
  bench.set({ kind: "duplicate", legs: ["R"], probability: 1, withinMs: 0 });
  bench.call("n2");
  bench.call("n3");
  bench.arrived[0]?.answer({ kind: "failed", reason: "gone", undelivered: false });
  equal(bench.arrived.length, 2, "a call that failed is not made again");
  bench.arrived[1]?.answer(STORED);
  deepEqual(bench.arrived.map(({ to }) => to), ["n2", "n3", "n3"]);
  bench.arrived[2]?.answer(STORED);
  equal(bench.heard.length, 2);
});

Deno.test("link faults: a message is delayed by at least the given latency", async () => {
  const bench = new Bench();
  bench.set({ kind: "delay", latency: "25", from: ["n1"] });
  const begunMs = performance.now();
  bench.call("n2");
  equal(bench.arrived.length, 0);
  while (bench.arrived.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  equal(performance.now() - begunMs >= 25, true);
  bench.close();
});

for (
  const [link, wrong] of [
    [1, /links\[0\] must be a JSON object: current value is 1/],
    [{ kind: "crash", node: "n1" }, /links\[0\]\.kind must be one of loss, .*flapping: .*"crash"/],
    [{ kind: "clog", atMs: 5 }, /links\[0\]\.atMs must be left out, .*: current value is 5/],
    [{ kind: "loss", probability: 2 }, /links\[0\]\.probability must be a probability/],
    [{ kind: "clog", to: ["n9"] }, /links\[0\]\.to must be a list of at least 1 of n1, n2, n3/],
    [{ kind: "clog", whom: "n2" }, /links\[0\]\.whom must be left out, as known fields/],
  ] as const
) {
  Deno.test(`link faults: refused with the reason: ${JSON.stringify(link)}`, () => {
    throws(() => readFaults({ links: [link] }, PEERS, IDS), (error: Error) => {
      match(error.message, wrong);
      return error instanceof ConfigError;
    });
  });
}
