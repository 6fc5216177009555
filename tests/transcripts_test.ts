/**
 * Golden transcripts: the steps of the nodes in a few small scenarios (after etcd-io/raft's
 * `testdata`). A change of the protocol changes these texts, and is reviewed as a change of behaviour.
 *
 * `UPDATE_TRANSCRIPTS=1 deno test -A tests/transcripts_test.ts` rewrites them; then review the diff.
 */
import assert from "node:assert/strict";
import type { ClientReply } from "../lib/dynamo/types/client_messages.ts";
import type { Effect, Event } from "../lib/dynamo/types/events.ts";
import type { CausalContext } from "../lib/dynamo/versions/versions.ts";
import { describeEffect, describeEvent, describeReply } from "../lib/simulation/report/describe.ts";
import { parseScenario } from "../lib/simulation/scenario/scenario.ts";
import { worldOf } from "../lib/simulation/world/cluster.ts";
import { Simulation } from "../lib/simulation/world/simulation.ts";
import type { ClientOutcome } from "../lib/simulation/world/tasks.ts";
import type { Tracer } from "../lib/simulation/world/tracer.ts";
import type { Driver } from "../lib/simulation/world/world.ts";
import { STORIES, type Story, type StoryRequest } from "./transcript_stories.ts";

const FOLDER = new URL("./transcripts/", import.meta.url);
const UPDATE = Deno.env.get("UPDATE_TRANSCRIPTS") === "1";

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

/** What the calls and the disk accesses of each node were for, so that their outcomes can say it. */
class Asked {
  private readonly calls = new Map<string, string>();
  private readonly changes = new Map<string, string>();

  note(node: string, effect: Effect): void {
    if (effect.kind === "call") this.calls.set(`${node}/${effect.id}`, effect.to);
    else if (effect.kind === "store") this.changes.set(`${node}/${effect.id}`, effect.record.key);
    else if (effect.kind === "remove") this.changes.set(`${node}/${effect.id}`, effect.key);
    else if (effect.kind === "save") this.changes.set(`${node}/${effect.id}`, "membership");
    else if (effect.kind === "save-disk-state") this.changes.set(`${node}/${effect.id}`, "itself");
  }

  describe(node: string, event: Event): string {
    const place = "id" in event ? `${node}/${event.id}` : "";
    switch (event.kind) {
      case "reply":
        return `${this.calls.get(place)} answers: ${describeReply(event.reply)}`;
      case "call-failed":
        return `${describeEvent(event)}, to ${this.calls.get(place)}`;
      case "stored":
        return `stored: ${this.changes.get(place)}`;
      default:
        return describeEvent(event);
    }
  }

  /** A node that starts writes down what it knows of itself: every story would begin with it. */
  isStart(node: string, event: Event): boolean {
    if (event.kind === "start") return true;
    return event.kind === "stored" && this.changes.get(`${node}/${event.id}`) === "itself";
  }
}

function transcriptOf(story: Story): string {
  const scenario = parseScenario({ seed: 1, ...story.scenario });
  const { fromMs = 0, tellsStart = false } = story;
  const lines = [story.about, ""];
  // The driver writes its first lines before the simulation, with its clock, exists.
  const started: { world?: Simulation } = {};
  const nowUs = () => started.world?.now ?? 0;
  const write = (line: string) => {
    if (nowUs() >= fromMs * 1_000) lines.push(`${ms(nowUs())}  ${line}`);
  };
  const driver = new Player(story, write);
  const running = new Simulation({ ...worldOf(scenario), json: true, driver });
  started.world = running;
  const asked = new Asked();
  const tracer: Tracer = {
    stepped: (node, event, effects) => {
      for (const effect of effects) asked.note(node, effect);
      if (!tellsStart && asked.isStart(node, event)) return;
      const shown = effects.filter((effect) => effect.kind !== "timer");
      if (nowUs() < fromMs * 1_000 || (event.kind === "timer" && shown.length === 0)) return;
      write(`  ${node}  ${asked.describe(node, event)}`);
      for (const effect of shown) lines.push(`${" ".repeat(18)}${describeEffect(effect)}`);
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
    const told = transcriptOf(story);
    const path = new URL(story.file, FOLDER);
    if (UPDATE) await Deno.writeTextFile(path, told);
    const golden = await Deno.readTextFile(path).catch(() => "");
    assert.equal(told, golden, `it differs from ${story.file}: UPDATE_TRANSCRIPTS=1 rewrites it`);
  });
}

Deno.test("transcripts: docs/protocol.md lists every one of them, in the order of the stories", async () => {
  const text = await Deno.readTextFile(new URL("../docs/protocol.md", import.meta.url));
  const listed = [...text.matchAll(/\]\(\.\.\/tests\/transcripts\/([\w.]+)\)/g)].map(([, file]) =>
    file
  );
  assert.deepEqual(listed, STORIES.map(({ file }) => file));
  const there: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) there.push(name);
  assert.deepEqual(there.toSorted(), listed.toSorted());
});
