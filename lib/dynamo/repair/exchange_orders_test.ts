/**
 * Requested comparisons: which ranges are compared with which peers, in which order, and the
 * answer.
 */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { Replica } from "../replica.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { Ring } from "../ring/ring.ts";
import type { AdminReply, ExchangeOrder } from "../types/admin.ts";
import { clusterConfig, type TunableConfig } from "../types/config.ts";
import type { Effect, Event } from "../types/events.ts";
import type { InitialClusterConfig } from "../types/initial_config.ts";
import type { PeerRequest } from "../types/peer_messages.ts";

const KEY = "greeting";

function initialConfig(tuned: Partial<TunableConfig>): InitialClusterConfig {
  const config = clusterConfig({ n: 3, gossipIntervalMs: 0, ...tuned });
  const members = ["n1", "n2", "n3", "n4", "n5"]
    .map((id) => ({ id, url: `http://${id}`, weight: 1, dataId: "d1" }));
  return { config, members, ring: makeInitialRing(members, config, SeededRandom.from(7)) };
}

/** A started replica. The test plays its peers. */
class Bench {
  readonly ring: Ring;
  readonly replica: Replica;
  private now = 1_000_000;
  private effects: Effect[] = [];

  constructor(tuned: Partial<TunableConfig> = {}, self = 0) {
    const initial = initialConfig(tuned);
    this.ring = new Ring(initial.ring, 3);
    const ids = [...this.ring.primariesOfKey(KEY), "n1", "n2", "n3", "n4", "n5"];
    const id = self < 3 ? ids[self] : ids.slice(3).find((each) => !ids.slice(0, 3).includes(each));
    const boot = { self: id as string, dataId: "d1", incarnation: 1, condition: "whole" } as const;
    this.replica = new Replica(initial, SeededRandom.from(7), boot);
    this.step({ kind: "start" });
    // Without gossip, a node itself informs its peers of its start.
    this.take("call");
  }

  step(event: Event): void {
    this.replica.step(this.now += 1_000, event, this.effects);
  }

  /** The scan that builds the trees finds nothing. */
  buildTrees(): void {
    const scan = this.take("scan")[0];
    assert.ok(scan !== undefined);
    this.step({ kind: "scanned", id: scan.id, records: [], next: null });
  }

  /** Advances virtual time and fires the timer that is set. */
  pass(ms: number): void {
    this.now += ms * 1_000;
    const timer = this.take("timer").at(-1);
    assert.ok(timer !== undefined);
    this.step({ kind: "timer", id: timer.id });
  }

  order(id: number, request: Omit<ExchangeOrder, "method">): void {
    this.step({ kind: "admin", id, request: { method: "anti-entropy", ...request } });
  }

  take<K extends Effect["kind"]>(kind: K): (Effect & { kind: K })[] {
    const isOne = (effect: Effect): effect is Effect & { kind: K } => effect.kind === kind;
    const taken = this.effects.filter(isOne);
    this.effects = this.effects.filter((effect) => effect.kind !== kind);
    return taken;
  }

  call(): Effect & { kind: "call" } & { request: PeerRequest & { method: "tree.roots" } } {
    const [call, more] = this.take("call");
    assert.ok(call !== undefined && more === undefined, "one call at a time");
    assert.equal(call.request.method, "tree.roots");
    return call as ReturnType<Bench["call"]>;
  }

  answers(): [number, AdminReply][] {
    return this.take("respond").map(({ id, reply }) => [id, reply as AdminReply]);
  }
}

Deno.test("a request compares the range of one key with each co-owner in turn, then answers", () => {
  const bench = new Bench();
  bench.buildTrees();
  const range = bench.ring.rangeOfKey(KEY);
  const [self, ...coOwners] = bench.ring.primaries(range);
  assert.equal(bench.replica.self, self);
  bench.order(1, { exchange: { key: KEY } });
  bench.order(2, { exchange: { range } });
  const first = bench.call();
  assert.deepEqual(first.request.roots.map(([index]) => index), [range]);
  bench.step({
    kind: "reply",
    id: first.id,
    reply: { status: "roots", differing: [], unknown: [] },
  });
  const second = bench.call();
  assert.deepEqual([first.to, second.to].toSorted(), coOwners.toSorted());
  assert.deepEqual(bench.answers(), [], "the request is not complete");
  bench.step({ kind: "call-failed", id: second.id, undelivered: true, reason: "gone" });
  const [[id, reply] = []] = bench.answers();
  assert.equal(id, 1);
  assert.ok(reply?.status === "anti-entropy");
  assert.deepEqual(
    reply.exchanges.map(({ peer, ranges, completed }) => [peer, ranges, completed]),
    [[first.to, 1, true], [second.to, 1, false]],
  );
  assert.deepEqual(Object.keys(reply.state.last).toSorted(), coOwners.toSorted());
  const { counters } = bench.replica.stats();
  assert.deepEqual([counters.exchanges, counters.exchangesFailed], [1, 1]);
  // Now the second request is executed.
  assert.ok(coOwners.includes(bench.call().to));
});

Deno.test("a pause stops scheduled comparisons, but not requested ones, until it ends", () => {
  const bench = new Bench({ antiEntropyIntervalMs: 10 });
  bench.buildTrees();
  bench.order(1, { exchange: null, pause: true });
  const [[, reply] = []] = bench.answers();
  assert.ok(reply?.status === "anti-entropy");
  assert.deepEqual([reply.state.paused, reply.exchanges], [true, []]);
  bench.pass(30);
  assert.deepEqual(bench.take("call"), [], "no scheduled comparison starts");
  bench.order(2, { exchange: {} });
  const ordered = bench.call();
  assert.ok(ordered.request.roots.length > 1, "every shared range");
  bench.step({ kind: "call-failed", id: ordered.id, undelivered: true, reason: "gone" });
  while (bench.answers().length === 0) {
    const { id } = bench.call();
    bench.step({ kind: "call-failed", id, undelivered: true, reason: "gone" });
  }
  bench.order(3, { exchange: null, pause: false });
  bench.pass(30);
  bench.call();
});

Deno.test("a request that cannot be executed is refused with a reason", () => {
  const refusalOf = (bench: Bench, request: Omit<ExchangeOrder, "method">) => {
    bench.order(1, request);
    const [[, reply] = []] = bench.answers();
    assert.ok(reply?.status === "error");
    return `${reply.error.code}: ${reply.error.message}`;
  };
  assert.match(refusalOf(new Bench(), { exchange: {} }), /^overloaded: .*still being built/);
  const off = new Bench({ antiEntropyIntervalMs: 0 });
  assert.match(refusalOf(off, { exchange: {} }), /^invalid: .*antiEntropyIntervalMs is 0/);
  const nonPrimary = new Bench({}, 3);
  nonPrimary.buildTrees();
  assert.match(
    refusalOf(nonPrimary, { exchange: { key: KEY } }),
    /^wrong-owner: Range \d+ is owned/,
  );
  const range = 100_000;
  assert.match(
    refusalOf(nonPrimary, { exchange: { range } }),
    /^invalid: range must be .* 0 to 127/,
  );
});
