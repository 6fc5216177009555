/**
 * Golden transcripts: what the nodes do in a few small stories, step by step, reviewed as behaviour
 * (after etcd-io/raft's `testdata`). A change of the protocol shows as a change of these texts.
 *
 * `UPDATE_TRANSCRIPTS=1 deno test -A tests/transcripts_test.ts` writes them anew; then read the diff.
 */
import assert from "node:assert/strict";
import type { ClientReply, ClientRequest } from "../lib/dynamo/types/client_messages.ts";
import type { Effect, Event } from "../lib/dynamo/types/events.ts";
import type { CausalContext } from "../lib/dynamo/versions/versions.ts";
import type { Fault } from "../lib/simulation/faults/faults.ts";
import { describeEffect, describeEvent, describeReply } from "../lib/simulation/report/describe.ts";
import { parseScenario, type ScenarioInput } from "../lib/simulation/scenario/scenario.ts";
import { worldOf } from "../lib/simulation/world/cluster.ts";
import { Simulation } from "../lib/simulation/world/simulation.ts";
import type { ClientOutcome } from "../lib/simulation/world/tasks.ts";
import type { Tracer } from "../lib/simulation/world/tracer.ts";
import type { Driver } from "../lib/simulation/world/world.ts";

const FOLDER = new URL("./transcripts/", import.meta.url);
const UPDATE = Deno.env.get("UPDATE_TRANSCRIPTS") === "1";

/** One act of a story. A request may carry the context of an earlier answer, by that act's name. */
interface Act {
  readonly atMs: number;
  readonly name: string;
  readonly node: string;
  readonly request: ClientRequest;
  readonly contextOf?: string;
}

interface Story {
  readonly file: string;
  readonly about: string;
  readonly scenario: ScenarioInput;
  readonly faults?: readonly Fault[];
  readonly acts: readonly Act[];
  readonly untilMs: number;
}

const base64 = (text: string) => btoa(text);
const put = (key: string, value: string): ClientRequest => ({
  method: "put",
  key,
  value: base64(value),
  contentType: "text/plain",
  context: null,
});
const get = (key: string, r?: number): ClientRequest => ({
  method: "get",
  key,
  ...(r === undefined ? {} : { r }),
});

const STORIES: readonly Story[] = [
  {
    file: "put_with_siblings.txt",
    about: "Two clients write without having read: siblings. A third reads both and reconciles.",
    scenario: { nodes: 3 },
    acts: [
      { atMs: 0, name: "ann", node: "n1", request: put("cart", "milk") },
      { atMs: 0, name: "bob", node: "n2", request: put("cart", "eggs") },
      { atMs: 20, name: "eve reads", node: "n3", request: get("cart") },
      {
        atMs: 40,
        name: "eve reconciles",
        node: "n3",
        request: put("cart", "milk, eggs"),
        contextOf: "eve reads",
      },
      { atMs: 60, name: "ann reads", node: "n1", request: get("cart") },
    ],
    untilMs: 2_500,
  },
  {
    file: "read_repair.txt",
    about: "One replica misses a write; a later read finds it stale and repairs it.",
    scenario: { nodes: 3 },
    faults: [{
      kind: "partition-oneway",
      atMs: 0,
      forMs: 30,
      from: ["n1"],
      to: ["n3"],
      how: "drop",
    }],
    acts: [
      { atMs: 1, name: "writer", node: "n1", request: put("k", "new") },
      { atMs: 50, name: "reader", node: "n2", request: get("k") },
    ],
    untilMs: 2_500,
  },
  {
    file: "forward.txt",
    about: "A node that is no primary of the key passes a put on, and the answer back.",
    scenario: { nodes: 5, network: { latency: "1;other=2" } },
    acts: [{ atMs: 0, name: "client", node: "n1", request: put("k4", "v") }],
    untilMs: 5_000,
  },
  {
    file: "one_replica_slow.txt",
    about: "A slow replica is waited for no longer than R and W need, and catches up.",
    scenario: { nodes: 3 },
    faults: [{ kind: "disk-slow", atMs: 0, forMs: 1_500, node: "n3", factor: 3_000 }],
    acts: [
      { atMs: 0, name: "writer", node: "n1", request: put("k", "v") },
      { atMs: 10, name: "reader", node: "n2", request: get("k", 2) },
    ],
    untilMs: 2_500,
  },
  {
    file: "restart.txt",
    about:
      "A coordinator is killed as it stores: nobody was told of the write, and it may be there or " +
      "not. Started again, it draws a new actor for its next write.",
    scenario: { nodes: 3, seed: 4 },
    faults: [{ kind: "kill", atMs: 20.1, node: "n1", downMs: 30, torn: 0 }],
    acts: [
      { atMs: 0, name: "first", node: "n1", request: put("k", "one") },
      { atMs: 20, name: "lost", node: "n1", request: put("k", "two") },
      { atMs: 30, name: "refused", node: "n1", request: get("k") },
      { atMs: 60, name: "reader", node: "n1", request: get("k") },
      { atMs: 80, name: "last", node: "n1", request: put("other", "three") },
    ],
    untilMs: 4_000,
  },
];

/** Plays the acts, and keeps what was answered. */
class Player implements Driver {
  private readonly contexts = new Map<string, CausalContext | null>();

  constructor(private readonly story: Story, private readonly say: (line: string) => void) {}

  begin(world: Simulation): void {
    for (const fault of this.story.faults ?? []) world.scheduleFault(fault);
    this.story.acts.forEach(({ atMs }, i) => world.wakeAt(atMs * 1_000, i));
  }

  woken(world: Simulation, token: number): void {
    const { name, node, request, contextOf } = this.story.acts[token] as Act;
    const context = contextOf === undefined ? null : this.contexts.get(contextOf) ?? null;
    const sent = request.method === "get" ? request : { ...request, context };
    this.say(`${name} → ${node}`);
    world.ask(world.indexOf(node), token, sent);
  }

  answered(_world: Simulation, token: number, outcome: ClientOutcome): void {
    const { name } = this.story.acts[token] as Act;
    if (outcome.kind === "reply") this.contexts.set(name, contextOf(outcome.reply));
    const what = outcome.kind === "reply" ? describeReply(outcome.reply) : outcome.kind;
    this.say(`${name} ← ${what}`);
  }

  clone(): Player {
    throw new Error("A story is told once");
  }
}

function contextOf(reply: ClientReply): CausalContext | null {
  return reply.status === "error" ? null : reply.context;
}

function tell(story: Story): string {
  const scenario = parseScenario({ seed: 1, ...story.scenario });
  const lines = [story.about, ""];
  // The driver speaks before there is a world to tell the time.
  const started: { world?: Simulation } = {};
  const say = (line: string) => lines.push(`${ms(started.world?.now ?? 0)}  ${line}`);
  const driver = new Player(story, say);
  const running = new Simulation({ ...worldOf(scenario), json: true, driver });
  started.world = running;
  const tracer: Tracer = {
    stepped: (node, event, effects) => {
      if (event.kind === "timer" && effects.every((effect) => effect.kind === "timer")) return;
      say(`  ${node}  ${describeEvent(event as Event)}`);
      for (const effect of effects as Effect[]) {
        if (effect.kind !== "timer") lines.push(`${" ".repeat(18)}${describeEffect(effect)}`);
      }
    },
    acted: (_at, text) => say(`! ${text}`),
  };
  running.tracer = tracer;
  running.runUntil(story.untilMs * 1_000);
  return lines.join("\n") + "\n";
}

function ms(us: number): string {
  return (us / 1_000).toFixed(3).padStart(9);
}

for (const story of STORIES) {
  Deno.test(`transcript ${story.file}: ${story.about}`, async () => {
    const told = tell(story);
    const path = new URL(story.file, FOLDER);
    if (UPDATE) await Deno.writeTextFile(path, told);
    const golden = await Deno.readTextFile(path).catch(() => "");
    assert.equal(told, golden, `it differs from ${story.file}: UPDATE_TRANSCRIPTS=1 rewrites it`);
  });
}
