/** Forwards of a node that is not a primary of the key, and primaries that it believes down. */
import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { Replica } from "../replica.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { Ring } from "../ring/ring.ts";
import type { ClientRequest } from "../types/client_messages.ts";
import { clusterConfig } from "../types/config.ts";
import type { Effect, Event } from "../types/events.ts";

const KEY = "greeting";
const IDS = ["n1", "n2", "n3", "n4", "n5"];
const START = 1_000_000;
const MINUTE = 60_000_000;

/** A node that has just started. The test sets its clock. */
class NodeHarness {
  readonly primaries: readonly string[];
  private readonly replica: Replica;
  private timer: Extract<Effect, { kind: "timer" }> | null = null;

  /** The node is the first that is a primary of {@link KEY}, or the first that is not. */
  constructor(role: "nonPrimary" | "primary" = "nonPrimary") {
    const config = clusterConfig({ n: 3 });
    const members = IDS.map((id) => ({ id, url: `http://${id}`, weight: 1, dataId: "d1" }));
    const ring = makeInitialRing(members, config, SeededRandom.from(7));
    this.primaries = new Ring(ring, 3).primariesOfKey(KEY);
    const self = IDS.find((id) => this.primaries.includes(id) === (role === "primary")) as string;
    const boot = { self, dataId: "d1", incarnation: 1, condition: "whole" } as const;
    this.replica = new Replica({ config, members, ring }, SeededRandom.from(7), boot);
    this.step(0, { kind: "start" });
  }

  get self(): string {
    return this.replica.self;
  }

  /** The effects of an event `after` µs after the start. */
  step(after: number, event: Event): readonly Effect[] {
    const effects: Effect[] = [];
    this.replica.step(START + after, event, effects);
    this.timer = effects.findLast((each) => each.kind === "timer") ?? this.timer;
    return effects;
  }

  /** The effects of all timers until `after` µs after the start. */
  until(after: number): readonly Effect[] {
    const effects: Effect[] = [];
    while (this.timer !== null && this.timer.at <= START + after) {
      const { id, at } = this.timer;
      this.timer = null;
      effects.push(...this.step(at - START, { kind: "timer", id }));
    }
    return effects;
  }

  /** A message arrives from this peer. */
  receiveFrom(after: number, from: string): void {
    this.step(after, {
      kind: "peer",
      id: 99,
      from,
      request: { method: "gossip", digest: [], membership: "" },
    });
  }
}

function client(id: number, request: Partial<ClientRequest>): Event {
  const put = { method: "put", key: KEY, value: "", contentType: "", context: null } as const;
  return { kind: "client", id, request: { ...put, ...request } as ClientRequest };
}

/** The effects of a request `silence` µs after the last message from any peer. */
function asked(request: Partial<ClientRequest>, silence: number): readonly Effect[] {
  return new NodeHarness().step(silence, client(1, request));
}

/** The nodes that the request was forwarded to. */
function forwardedTo(effects: readonly Effect[]): string[] {
  return effects.flatMap((each) =>
    each.kind === "call" && each.request.method === "forward" ? [each.to] : []
  );
}

function forwards(effects: readonly Effect[]): number {
  return forwardedTo(effects).length;
}

function loads(effects: readonly Effect[]): number {
  return effects.filter((each) => each.kind === "load").length;
}

for (const method of ["put", "get"] as const) {
  Deno.test(`forward: a ${method} goes to a primary that is up`, () => {
    assert.equal(forwards(asked({ method }, 0)), 1);
  });

  Deno.test(`forward: a ${method} is not forwarded to primaries that are believed down`, () => {
    const effects = asked({ method }, MINUTE);
    assert.equal(forwards(effects), 0, "a silent primary would use up the request's time");
    assert.equal(loads(effects), 1, "this node coordinates");
  });

  Deno.test(`forward: a strict ${method} tries even a primary that is believed down`, () => {
    const effects = asked({ method, sloppy: false }, MINUTE);
    assert.equal(forwards(effects), 1, "no other node may serve it");
    assert.equal(loads(effects), 0);
  });
}

/** µs without an answer after which other primaries are preferred, and none is forwarded to. */
const A_MOMENT = 30_000;
const A_WHILE = 120_000;
const PATIENCE = 500_000;

Deno.test("forward: writes go to another primary while one owes an answer, until it sends a message", () => {
  const node = new NodeHarness();
  const [first, second] = node.primaries as [string, string];
  assert.deepEqual(forwardedTo(node.step(0, client(1, {}))), [first]);
  assert.deepEqual(forwardedTo(node.step(A_MOMENT, client(2, {}))), [second], "it may be paused");
  node.receiveFrom(A_MOMENT, first);
  assert.deepEqual(forwardedTo(node.step(A_MOMENT, client(3, {}))), [first], "it is alive");
});

for (const sloppy of [true, false]) {
  const what = sloppy ? "is coordinated here" : "is forwarded under a strict quorum";
  Deno.test(`forward: a write whose primaries are all silent ${what}`, () => {
    const node = new NodeHarness();
    const puts = [0, 1, 2].flatMap((i) => node.step(i * A_WHILE, client(1 + i, { sloppy })));
    assert.deepEqual(forwardedTo(puts), node.primaries, "each primary is tried once");
    const last = node.step(3 * A_WHILE, client(4, { sloppy }));
    assert.deepEqual(forwardedTo(last), sloppy ? [] : [node.primaries[0]]);
    assert.equal(loads(last), sloppy ? 1 : 0);
  });
}

Deno.test("forward: a short silence of all primaries does not stop forwards to them", () => {
  const node = new NodeHarness();
  const puts = [0, 1, 2, 3].flatMap((i) => node.step(i * A_MOMENT, client(1 + i, {})));
  const [first, second, third] = node.primaries;
  assert.deepEqual(forwardedTo(puts), [first, second, third, first]);
});

Deno.test("forward: a peer that usually answers slowly is not considered silent", () => {
  const node = new NodeHarness();
  const [first] = node.primaries as [string];
  const call = node.step(0, client(1, {})).find((each) => each.kind === "call");
  const error = { code: "storage-failed", message: "", definite: false } as const;
  node.step(A_WHILE, { kind: "reply", id: call?.id ?? 0, reply: { status: "error", error } });
  node.step(2 * A_WHILE, client(2, {}));
  assert.deepEqual(forwardedTo(node.step(4 * A_WHILE, client(3, {}))), [first]);
});

Deno.test("forward: a get without an answer is coordinated here if all other primaries are silent too", () => {
  const node = new NodeHarness();
  node.step(0, client(1, { method: "get" }));
  for (const i of [1, 2]) node.step(i * A_WHILE, client(1 + i, {}));
  const effects = node.until(PATIENCE);
  assert.deepEqual(forwardedTo(effects), []);
  const reads = effects.filter((each) =>
    each.kind === "call" && each.request.method === "replica.get"
  );
  assert.equal(reads.length, 3, "this node asks all three, and can replace silent ones");
});

Deno.test("get: fails after patienceMs if all nodes that could still answer are believed down", () => {
  const node = new NodeHarness();
  const at = MINUTE;
  node.until(at);
  const fallback = IDS.find((id) => id !== node.self && !node.primaries.includes(id)) as string;
  node.receiveFrom(at, fallback);
  const effects = [...node.step(at, client(1, { method: "get" }))];
  for (const effect of effects) {
    if (effect.kind === "load") {
      effects.push(...node.step(at, { kind: "loaded", id: effect.id, record: null }));
    } else if (effect.kind === "call" && effect.to === fallback) {
      const reply = { status: "record", siblings: [] } as const;
      effects.push(...node.step(at, { kind: "reply", id: effect.id, reply }));
    }
  }
  const answers = (among: readonly Effect[]) => among.filter((each) => each.kind === "respond");
  assert.deepEqual(answers(effects), [], "fallbacks without the record cannot answer 'absent'");
  const [answer] = answers(node.until(at + PATIENCE));
  assert.ok(answer?.reply.status === "error");
  assert.equal(answer.reply.error.code, "quorum-not-met");
});
