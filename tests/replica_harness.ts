/** A replica without a host: a test delivers each event and takes the effects out by kind. */
import assert from "node:assert/strict";
import { Membership } from "../lib/dynamo/membership/membership.ts";
import { draftOf } from "../lib/dynamo/membership/membership_plan.ts";
import { Replica } from "../lib/dynamo/replica.ts";
import { makeInitialRing } from "../lib/dynamo/ring/initial_ring.ts";
import type { Boot } from "../lib/dynamo/types/boot.ts";
import type { ClientReply } from "../lib/dynamo/types/client_messages.ts";
import { clusterConfig, type TunableConfig } from "../lib/dynamo/types/config.ts";
import type { Effect, Event } from "../lib/dynamo/types/events.ts";
import type { NodeId } from "../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../lib/dynamo/types/initial_config.ts";
import type { Siblings } from "../lib/dynamo/versions/versions.ts";
import { SeededRandom } from "../lib/random/seeded.ts";

export const IDS = ["n1", "n2", "n3", "n4", "n5"];
export const KEY = "greeting";
export const START = 1_000_000;

function initialConfig(tuned: Partial<TunableConfig> = {}): InitialClusterConfig {
  const config = clusterConfig({ n: 3, r: 2, w: 2, ...tuned });
  const members = IDS.map((id) => ({ id, url: `http://${id}`, weight: 1, dataId: "d1" }));
  const ring = makeInitialRing(members.map(({ id, weight }) => ({ id, weight })), config, rng());
  return { config, members, ring };
}

/**
 * What `self` knows of the membership once `leaving` is leaving. `moved`: and all its ranges have their
 * new owners.
 */
export function afterLeave(
  { initialConfig }: Replica,
  self: NodeId,
  leaving: NodeId,
  moved: boolean,
): Membership {
  const membership = new Membership(initialConfig, self);
  const cluster = { membership, n: 3, tokensPerNode: 8, quorum: 2 };
  const { change } = draftOf(
    { kind: "leave", node: leaving },
    "plan",
    { ...cluster, isUp: () => true, isRecovering: () => false, dataIdOf: () => undefined },
    rng(),
  );
  membership.merge(change);
  while (moved && membership.ring.steps.length > 0) {
    const { ring } = membership;
    const registers = ring.steps.map((step) => ring.registerAfter(step));
    membership.merge({ members: [], tokens: [], registers });
  }
  return membership;
}

function rng(): SeededRandom {
  return SeededRandom.from(7);
}

export class ReplicaHarness {
  readonly replica: Replica;
  now = START;
  effects: Effect[] = [];

  /** By default the replica of a member that runs on its original data directory. */
  constructor(self: string, tuned: Partial<TunableConfig> = {}, boot: Partial<Boot> = {}) {
    this.replica = new Replica(initialConfig(tuned), rng(), {
      self,
      dataId: "d1",
      incarnation: 4,
      condition: "whole",
      ...boot,
    });
  }

  step(event: Event): void {
    this.replica.step(this.now, event, this.effects);
  }

  take<K extends Effect["kind"]>(kind: K): (Effect & { kind: K })[] {
    const taken = this.effects.filter((effect): effect is Effect & { kind: K } =>
      effect.kind === kind
    );
    this.effects = this.effects.filter((effect) => effect.kind !== kind);
    return taken;
  }

  one<K extends Effect["kind"]>(kind: K): Effect & { kind: K } {
    const taken = this.take(kind);
    assert.equal(taken.length, 1, `1 effect ${kind} expected, ${taken.length} found`);
    return taken[0] as Effect & { kind: K };
  }

  /** Answers the only pending load. */
  loaded(siblings: Siblings | null): void {
    const { id } = this.one("load");
    this.step({
      kind: "loaded",
      id,
      record: siblings === null ? null : { key: KEY, siblings },
    });
  }

  /** Advances the time and fires the timer that is set. */
  pass(ms: number): void {
    this.now += ms * 1_000;
    const timer = this.take("timer").at(-1);
    if (timer !== undefined) this.step({ kind: "timer", id: timer.id });
  }

  response(): ClientReply {
    return this.one("respond").reply as ClientReply;
  }
}
