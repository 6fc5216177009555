/**
 * Golden transcripts: the steps of the nodes in a few small scenarios (after etcd-io/raft's
 * `testdata`). A change of the protocol changes these texts, and is reviewed as a change of behaviour.
 *
 * `UPDATE_TRANSCRIPTS=1 deno test -A tests/transcripts_test.ts` rewrites them; then review the diff.
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

/** One request of a story. It can use the context of an earlier answer, by the name of its request. */
interface StoryRequest {
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
  readonly requests: readonly StoryRequest[];
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
    about: "Two clients write without a context: siblings. A third one reads and reconciles them.",
    scenario: { nodes: 3 },
    requests: [
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
    requests: [
      { atMs: 1, name: "writer", node: "n1", request: put("k", "new") },
      { atMs: 50, name: "reader", node: "n2", request: get("k") },
    ],
    untilMs: 2_500,
  },
  {
    file: "forward.txt",
    about: "A node that is not a primary of the key forwards a put, and returns the answer.",
    scenario: { nodes: 5, network: { latency: "1;other=2" } },
    requests: [{ atMs: 0, name: "client", node: "n1", request: put("k4", "v") }],
    untilMs: 5_000,
  },
  {
    file: "one_replica_slow.txt",
    about:
      "Requests do not wait for a slow replica if R and W are met without it. It catches up later.",
    scenario: { nodes: 3 },
    faults: [{ kind: "disk-slow", atMs: 0, forMs: 1_500, node: "n3", factor: 3_000 }],
    requests: [
      { atMs: 0, name: "writer", node: "n1", request: put("k", "v") },
      { atMs: 10, name: "reader", node: "n2", request: get("k", 2) },
    ],
    untilMs: 2_500,
  },
  {
    file: "restart.txt",
    about:
      "A coordinator is killed during a store. The write was not acknowledged, so it may be durable or " +
      "not. After the restart the node uses a new actor for its next write.",
    scenario: { nodes: 3, seed: 4 },
    faults: [{ kind: "kill", atMs: 20.1, node: "n1", downMs: 30, torn: 0 }],
    requests: [
      { atMs: 0, name: "first", node: "n1", request: put("k", "one") },
      { atMs: 20, name: "lost", node: "n1", request: put("k", "two") },
      { atMs: 30, name: "refused", node: "n1", request: get("k") },
      { atMs: 60, name: "reader", node: "n1", request: get("k") },
      { atMs: 80, name: "last", node: "n1", request: put("other", "three") },
    ],
    untilMs: 4_000,
  },
];

/** Sends the requests, and keeps the contexts of the answers. */
class Player implements Driver {
  private readonly contexts = new Map<string, CausalContext | null>();

  constructor(private readonly story: Story, private readonly write: (line: string) => void) {}

  begin(world: Simulation): void {
    for (const fault of this.story.faults ?? []) world.scheduleFault(fault);
    this.story.requests.forEach(({ atMs }, i) => world.wakeAt(atMs * 1_000, i));
  }

  woken(world: Simulation, token: number): void {
    const { name, node, request, contextOf } = this.story.requests[token] as StoryRequest;
    const context = contextOf === undefined ? null : this.contexts.get(contextOf) ?? null;
    const sent = request.method === "get" ? request : { ...request, context };
    this.write(`${name} → ${node}`);
    world.ask(world.indexOf(node), token, sent);
  }

  answered(_world: Simulation, token: number, outcome: ClientOutcome): void {
    const { name } = this.story.requests[token] as StoryRequest;
    if (outcome.kind === "reply") this.contexts.set(name, contextOf(outcome.reply));
    const what = outcome.kind === "reply" ? describeReply(outcome.reply) : outcome.kind;
    this.write(`${name} ← ${what}`);
  }

  clone(): Player {
    throw new Error("A story cannot be cloned");
  }
}

function contextOf(reply: ClientReply): CausalContext | null {
  return reply.status === "error" ? null : reply.context;
}

function transcriptOf(story: Story): string {
  const scenario = parseScenario({ seed: 1, ...story.scenario });
  const lines = [story.about, ""];
  // The driver writes its first lines before the simulation, with its clock, exists.
  const started: { world?: Simulation } = {};
  const write = (line: string) => lines.push(`${ms(started.world?.now ?? 0)}  ${line}`);
  const driver = new Player(story, write);
  const running = new Simulation({ ...worldOf(scenario), json: true, driver });
  started.world = running;
  const tracer: Tracer = {
    stepped: (node, event, effects) => {
      if (event.kind === "timer" && effects.every((effect) => effect.kind === "timer")) return;
      write(`  ${node}  ${describeEvent(event as Event)}`);
      for (const effect of effects as Effect[]) {
        if (effect.kind !== "timer") lines.push(`${" ".repeat(18)}${describeEffect(effect)}`);
      }
    },
    acted: (_at, text) => write(`! ${text}`),
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
    const transcript = transcriptOf(story);
    const path = new URL(story.file, FOLDER);
    if (UPDATE) await Deno.writeTextFile(path, transcript);
    const golden = await Deno.readTextFile(path).catch(() => "");
    assert.equal(
      transcript,
      golden,
      `it differs from ${story.file}: UPDATE_TRANSCRIPTS=1 rewrites it`,
    );
  });
}
