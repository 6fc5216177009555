import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import type { NodeContext } from "../node_context.ts";
import { PeerLives } from "../recovery/lives.ts";
import { makeInitialRing } from "../ring/initial_ring.ts";
import { clusterConfig } from "../types/config.ts";
import { Membership } from "./membership.ts";
import type { MembershipState } from "./membership_state.ts";
import { Registry } from "./registry.ts";

const members = ["n1", "n2", "n3"].map((id) => ({ id, url: `http://${id}`, weight: 1 }));
const config = clusterConfig({ partitions: 8 });
const ring = makeInitialRing(members, config, SeededRandom.from(1));

/** A registry, with recordings of its saves, calls and observations. */
function world() {
  const saves: { id: number; document: unknown }[] = [];
  const called: string[] = [];
  const emitted: unknown[] = [];
  const node = {
    self: "n1",
    config,
    lives: new PeerLives(),
    out: {
      save: (document: unknown) => saves.push({ id: saves.length + 1, document }),
      emit: (observation: unknown) => emitted.push(observation),
      call: (peer: string) => called.push(peer),
    },
  };
  const registry = new Registry(
    node as unknown as NodeContext,
    new Membership({ config, members, ring }, "n1"),
  );
  return { registry, saves, called, emitted };
}

/** A state in which the node is leaving. */
function leaving(index: number): MembershipState {
  const member = members[index] as typeof members[number];
  return { members: [{ member, memberStatus: "leaving", version: 2 }], tokens: [], registers: [] };
}

const reply = (request: number) =>
  ({ kind: "respond", request, reply: { status: "stored" } }) as const;

Deno.test("registry: an action that follows a change waits for the save that includes the change", () => {
  const { registry, saves, emitted } = world();
  assert.ok(registry.learn(leaving(1), reply(1)));
  assert.ok(registry.learn(leaving(2), reply(2)));
  assert.deepEqual(saves.map(({ id }) => id), [1], "one save at a time");
  assert.deepEqual(registry.onSaved(1), [reply(1)], "the second change is not on the disk yet");
  assert.deepEqual(saves.map(({ id }) => id), [1, 2]);
  assert.deepEqual(saves[1]?.document, registry.membership.document());
  assert.deepEqual(registry.onSaved(2), [reply(2)]);
  assert.equal(registry.onSaved(7), null, "not a save of the registry");
  assert.equal(registry.isBehind, false);
  assert.deepEqual(emitted, [
    { type: "member", member: "n2", memberStatus: "leaving" },
    { type: "member", member: "n3", memberStatus: "leaving" },
  ]);
});

Deno.test("registry: a failed save is repeated, and actions wait until it succeeds", () => {
  const { registry, saves } = world();
  registry.learn(leaving(1), reply(1));
  registry.learn(leaving(2), reply(2));
  assert.ok(registry.onSaveFailed(1));
  assert.ok(registry.isBehind);
  registry.save();
  assert.equal(saves.length, 2);
  assert.deepEqual(registry.onSaved(2), [reply(1), reply(2)]);
  assert.equal(registry.isBehind, false);
});

Deno.test("registry: known state changes nothing, but a request with it is answered once it is durable", () => {
  const { registry, saves, emitted } = world();
  registry.learn(leaving(1));
  registry.onSaved(1);
  assert.equal(registry.learn(leaving(1)), false);
  assert.equal(saves.length, 1);
  assert.equal(registry.learn(leaving(1), reply(3)), false);
  assert.deepEqual(registry.onSaved(2), [reply(3)]);
  assert.equal(emitted.length, 1);
});

Deno.test("registry: listeners get a new ring before it is saved; each peer is called once", () => {
  const { registry, saves, called } = world();
  const heard: number[] = [];
  registry.listen({ onRing: (before, after) => heard.push(before === after ? 0 : saves.length) });
  registry.learn(leaving(1));
  assert.deepEqual(heard, [0]);
  assert.equal(saves.length, 1);
  registry.spread(leaving(1), ["n2", "n1", "n3", "n2"]);
  assert.deepEqual(called, ["n2", "n3"]);
});
