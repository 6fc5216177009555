/** A node that owns no copy of a key, and primaries that it believes down. */
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

/** A node, just started, whose clock the test turns. */
class Stage {
  readonly primaries: readonly string[];
  private readonly replica: Replica;
  private timer: Extract<Effect, { kind: "timer" }> | null = null;

  /** Outside the primaries of {@link KEY}, or the first of them. */
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

  /** What it does with an event `after` µs after its start. */
  step(after: number, event: Event): readonly Effect[] {
    const effects: Effect[] = [];
    this.replica.step(START + after, event, effects);
    this.timer = effects.findLast((each) => each.kind === "timer") ?? this.timer;
    return effects;
  }

  /** What it does of itself until then. */
  until(after: number): readonly Effect[] {
    const effects: Effect[] = [];
    while (this.timer !== null && this.timer.at <= START + after) {
      const { id, at } = this.timer;
      this.timer = null;
      effects.push(...this.step(at - START, { kind: "timer", id }));
    }
    return effects;
  }

  /** The node is heard from. */
  hear(after: number, from: string): void {
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

/** What it does with a request, `silence` µs after it last heard of anybody. */
function asked(request: Partial<ClientRequest>, silence: number): readonly Effect[] {
  return new Stage().step(silence, client(1, request));
}

/** To whom the request was forwarded. */
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

  Deno.test(`forward: a ${method} waits for no primary that is believed down`, () => {
    const effects = asked({ method }, MINUTE);
    assert.equal(forwards(effects), 0, "a silent one would take the whole of its time");
    assert.equal(loads(effects), 1, "this node coordinates by itself");
  });

  Deno.test(`forward: a strict ${method} tries even a primary that is believed down`, () => {
    const effects = asked({ method, sloppy: false }, MINUTE);
    assert.equal(forwards(effects), 1, "nobody else may serve it");
    assert.equal(loads(effects), 0);
  });
}

/** So long is an answer owed by whom others are preferred to, and by whom nothing is handed to. */
const A_MOMENT = 30_000;
const A_WHILE = 120_000;
const PATIENCE = 500_000;

Deno.test("forward: a write is handed to no primary that owes an answer, until it speaks", () => {
  const stage = new Stage();
  const [first, second] = stage.primaries as [string, string];
  assert.deepEqual(forwardedTo(stage.step(0, client(1, {}))), [first]);
  assert.deepEqual(forwardedTo(stage.step(A_MOMENT, client(2, {}))), [second], "it may be paused");
  stage.hear(A_MOMENT, first);
  assert.deepEqual(forwardedTo(stage.step(A_MOMENT, client(3, {}))), [first], "it lives");
});

for (const sloppy of [true, false]) {
  const what = sloppy ? "is coordinated here" : "is tried all the same under a strict quorum";
  Deno.test(`forward: a write for which all primaries are silent ${what}`, () => {
    const stage = new Stage();
    const puts = [0, 1, 2].flatMap((i) => stage.step(i * A_WHILE, client(1 + i, { sloppy })));
    assert.deepEqual(forwardedTo(puts), stage.primaries, "one after the other falls silent");
    const last = stage.step(3 * A_WHILE, client(4, { sloppy }));
    assert.deepEqual(forwardedTo(last), sloppy ? [] : [stage.primaries[0]]);
    assert.equal(loads(last), sloppy ? 1 : 0);
  });
}

Deno.test("forward: a moment's silence of all primaries is no reason to do without them", () => {
  const stage = new Stage();
  const puts = [0, 1, 2, 3].flatMap((i) => stage.step(i * A_MOMENT, client(1 + i, {})));
  const [first, second, third] = stage.primaries;
  assert.deepEqual(forwardedTo(puts), [first, second, third, first]);
});

Deno.test("forward: a peer that is always slow to answer is not doubted for it", () => {
  const stage = new Stage();
  const [first] = stage.primaries as [string];
  const call = stage.step(0, client(1, {})).find((each) => each.kind === "call");
  const error = { code: "storage-failed", message: "", definite: false } as const;
  stage.step(A_WHILE, { kind: "reply", id: call?.id ?? 0, reply: { status: "error", error } });
  stage.step(2 * A_WHILE, client(2, {}));
  assert.deepEqual(forwardedTo(stage.step(4 * A_WHILE, client(3, {}))), [first]);
});

Deno.test("forward: a get without an answer is served here when all other primaries are silent too", () => {
  const stage = new Stage();
  stage.step(0, client(1, { method: "get" }));
  for (const i of [1, 2]) stage.step(i * A_WHILE, client(1 + i, {}));
  const effects = stage.until(PATIENCE);
  assert.deepEqual(forwardedTo(effects), []);
  const reads = effects.filter((each) =>
    each.kind === "call" && each.request.method === "replica.get"
  );
  assert.equal(reads.length, 3, "this node asks all three by itself, and can replace the silent");
});

Deno.test("get: given up after the patience when whoever could still answer is believed down", () => {
  const stage = new Stage();
  const at = MINUTE;
  stage.until(at);
  const standIn = IDS.find((id) => id !== stage.self && !stage.primaries.includes(id)) as string;
  stage.hear(at, standIn);
  const effects = [...stage.step(at, client(1, { method: "get" }))];
  for (const effect of effects) {
    if (effect.kind === "load") {
      effects.push(...stage.step(at, { kind: "loaded", id: effect.id, record: null }));
    } else if (effect.kind === "call" && effect.to === standIn) {
      const reply = { status: "record", siblings: [] } as const;
      effects.push(...stage.step(at, { kind: "reply", id: effect.id, reply }));
    }
  }
  const answers = (among: readonly Effect[]) => among.filter((each) => each.kind === "respond");
  assert.deepEqual(answers(effects), [], "stand-ins that hold nothing cannot say 'absent'");
  const [answer] = answers(stage.until(at + PATIENCE));
  assert.ok(answer?.reply.status === "error");
  assert.equal(answer.reply.error.code, "quorum-not-met");
});
