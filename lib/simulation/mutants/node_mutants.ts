/**
 * Mutants that change the events that a replica gets, or its effects.
 */
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { StoredRecord } from "../../dynamo/types/records.ts";
import { type FaultHook, stateless } from "../world/fault_hook.ts";
import type { Machine } from "../world/machine.ts";
import type { World } from "../world/world.ts";

/** A store is reported as done as soon as it is requested. */
export const ackBeforeStore = () =>
  stateless({
    effects: (_machine, effects) =>
      effects.flatMap((effect): Event[] =>
        effect.kind === "store" ? [{ kind: "stored", id: effect.id }] : []
      ),
  });

/** A node starts with its first identity, even if its disk was replaced. */
export const reusedDot = () =>
  stateless({ boot: (boot) => ({ ...boot, dataId: "d1", incarnation: 1, bootNumber: 0 }) });

/** Read repair replaces the record instead of merging with it. */
export const repairOverwrites = () =>
  stateless({
    event: (world, machine, event) => {
      if (event.kind !== "peer" || event.request.method !== "replica.put") return event;
      if (event.request.purpose !== "repair") return event;
      const { key, siblings } = event.request;
      const record = machine.disk.peek(key);
      machine.disk.overwrite({ ...record, key, siblings }, world.processes.diskWatcher(machine));
      return event;
    },
  });

/** A call that was interrupted is treated as one that did not arrive. */
export const forwardRetried = () =>
  stateless({
    event: (_world, _machine, event) =>
      event.kind === "call-failed" ? { ...event, undelivered: true } : event,
  });

/** Duplicates of a forwarded request are not recognised. */
export const requestIdsForgotten = () =>
  stateless({
    event: (_world, _machine, event) => {
      if (event.kind !== "peer" || event.request.method !== "forward") return event;
      const requestId = event.request.requestId.replace(/\d+$/, `${event.id}`);
      return { ...event, request: { ...event.request, requestId } };
    },
  });

/** A coordinator sends only the new version instead of the merged record. */
export const newVersionOnly = () =>
  stateless({
    effects: (machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "call" || effect.request.method !== "replica.put") return;
        if (effect.request.purpose !== "replicate") return;
        const own = effect.request.siblings
          .filter((version) => version.dot[0].startsWith(`${machine.id}/`))
          .toSorted((a, b) => b.stampUs - a.stampUs || b.dot[1] - a.dot[1]).slice(0, 1);
        if (own.length > 0) {
          effects[i] = { ...effect, request: { ...effect.request, siblings: own } };
        }
      });
      return [];
    },
  });

/** An unreadable record is treated as absent. */
export const damagedMeansAbsent = () =>
  stateless({
    event: (_world, _machine, event) =>
      event.kind === "storage-failed" && event.unreadable === true
        ? { kind: "loaded", id: event.id, record: null }
        : event,
  });

/** Every error is reported as definite. */
export const failureCalledCertain = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "respond" || effect.reply.status !== "error") return;
        const error = { ...effect.reply.error, definite: true };
        effects[i] = { ...effect, reply: { status: "error", error } };
      });
      return [];
    },
  });

/** Every read needs only one answer. */
export const quorumIgnored = () =>
  stateless({
    event: (_world, _machine, event) => {
      if (event.kind === "client" && event.request.method === "get") {
        return { ...event, request: { ...event.request, r: 1 } };
      }
      if (event.kind !== "peer" || event.request.method !== "forward") return event;
      const { request } = event.request;
      if (request.method !== "get") return event;
      return { ...event, request: { ...event.request, request: { ...request, r: 1 } } };
    },
  });

/** A fallback stores the record, but forgets which node it is for. */
export const hintDropped = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "store") return;
        const { hints: _hints, record: { hintFor: _hintFor, ...record }, ...rest } = effect;
        effects[i] = { ...rest, record };
      });
      return [];
    },
  });

/** Every request to a fallback fails at once, as if the fallback had refused it. */
export const fallbacksUnused = () =>
  stateless({
    effects: (_machine, effects) => {
      const refused = effects.filter((effect) =>
        effect.kind === "call" && effect.request.method === "replica.put" &&
        effect.request.hintFor !== undefined
      );
      const kept = effects.filter((effect) => !refused.includes(effect));
      effects.splice(0, effects.length, ...kept);
      return refused.flatMap((effect): Event[] =>
        effect.kind === "call"
          ? [{ kind: "call-failed", id: effect.id, undelivered: true, reason: "not a primary" }]
          : []
      );
    },
  });

/** A node that is asked which of its Merkle trees differ answers that none does. */
export const treesAgree = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "respond" || effect.reply.status !== "roots") return;
        effects[i] = { ...effect, reply: { ...effect.reply, differing: [] } };
      });
      return [];
    },
  });

/** Some children of a Merkle tree node are never compared. */
export const branchSkipped = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "respond" || effect.reply.status !== "tree") return;
        const children = effect.reply.children.map((hashes) => hashes.slice(0, 8));
        effects[i] = { ...effect, reply: { ...effect.reply, children } };
      });
      return [];
    },
  });

/** A node at its limit of hints acknowledges one more and drops it. */
export const hintDroppedAtBound = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "respond" || effect.reply.status !== "error") return;
        if (effect.reply.error.code !== "hints-full") return;
        effects[i] = { ...effect, reply: { status: "stored" } };
      });
      return [];
    },
  });

/** A hint counts as delivered as soon as it is sent. */
export const hintDeletedEarly = () =>
  stateless({
    effects: (_machine, effects) =>
      effects.flatMap((effect): Event[] =>
        effect.kind === "call" && effect.request.method === "replica.put" &&
          effect.request.purpose === "handoff"
          ? [{ kind: "reply", id: effect.id, reply: { status: "stored" } }]
          : []
      ),
  });

/** Hints are received without a limit on how many at once. */
export const receiverUncapped = () =>
  stateless({
    event: (_world, _machine, event) => {
      if (event.kind !== "peer" || event.request.method !== "replica.put") return event;
      if (event.request.purpose !== "handoff") return event;
      return { ...event, request: { ...event.request, purpose: "repair" } };
    },
  });

/** A delete removes the record instead of storing a tombstone. */
export const reapedAtOnce = () =>
  stateless({
    effects: (_machine, effects) => {
      effects.forEach((effect, i) => {
        if (effect.kind !== "store") return;
        const { id, position, record: { key, siblings } } = effect;
        const isDeleted = siblings.length > 0 && siblings.every(({ value }) => value === null);
        if (isDeleted) effects[i] = { kind: "remove", id, key, position };
      });
      return [];
    },
  });

/** The receiver of a range is told that the sender has no keys. */
export const newOwnerTooSoon = () =>
  stateless({
    event: (_world, _machine, event) => {
      if (event.kind !== "peer" || event.request.method !== "range.keys") return event;
      const after = { position: "f".repeat(32), key: "\u{10ffff}" };
      return { ...event, request: { ...event.request, after } };
    },
  });

/** A sender confirms its fence, but continues to serve the range. */
export const fenceIgnored = () =>
  stateless({
    event: (_world, _machine, event) => {
      if (event.kind !== "peer" || event.request.method !== "range.fence") return event;
      const state = { members: [], tokens: [], registers: [] };
      return { ...event, request: { method: "membership", state } };
    },
  });

/** No gossip is sent. */
export const gossipSilenced = () =>
  stateless({
    effects: (_machine, effects) => {
      const kept = effects.filter((effect) =>
        effect.kind !== "call" || !effect.request.method.startsWith("gossip")
      );
      effects.splice(0, effects.length, ...kept);
      return [];
    },
  });

/** Clients get no answer if their request failed. */
export const failuresSwallowed = () =>
  stateless({
    effects: (machine, effects) => {
      const kept = effects.filter((effect) =>
        effect.kind !== "respond" || effect.reply.status !== "error" ||
        machine.inbound.get(effect.id)?.kind !== "client"
      );
      effects.splice(0, effects.length, ...kept);
      return [];
    },
  });

/** No timer ever fires. */
export const timersLost = () =>
  stateless({ event: (_world, _machine, event) => event.kind === "timer" ? null : event });

/** A failed store is reported as done. */
export class FailedStoreForgotten implements FaultHook {
  private readonly stores = new Map<string, Set<number>>();

  effects(machine: Machine, effects: Effect[]): readonly Event[] {
    for (const effect of effects) {
      if (effect.kind === "store") this.storesOf(machine).add(effect.id);
    }
    return [];
  }

  event(_world: World, machine: Machine, event: Event): Event {
    if (event.kind !== "stored" && event.kind !== "storage-failed") return event;
    return this.storesOf(machine).delete(event.id) ? { kind: "stored", id: event.id } : event;
  }

  clone(): FailedStoreForgotten {
    const copy = new FailedStoreForgotten();
    for (const [process, ids] of this.stores) copy.stores.set(process, new Set(ids));
    return copy;
  }

  private storesOf({ id, boot }: Machine): Set<number> {
    const process = `${id}/${boot}`;
    let ids = this.stores.get(process);
    if (ids === undefined) this.stores.set(process, ids = new Set());
    return ids;
  }
}

/** Loads are served from a cache that stores do not update. */
export class StaleCache implements FaultHook {
  private static readonly KEPT_US = 20_000;
  private readonly cached = new Map<string, { record: StoredRecord | null; until: number }>();
  private readonly loads = new Map<string, string>();

  effects(machine: Machine, effects: Effect[]): readonly Event[] {
    for (const effect of effects) {
      if (effect.kind === "load") this.loads.set(place(machine, effect.id), effect.key);
    }
    return [];
  }

  event(world: World, machine: Machine, event: Event): Event {
    if (event.kind !== "loaded") return event;
    const load = place(machine, event.id);
    const key = this.loads.get(load);
    this.loads.delete(load);
    const entry = `${machine.id}/${machine.boot}/${key}`;
    const cached = this.cached.get(entry);
    if (cached !== undefined && cached.until > world.now) {
      return { ...event, record: cached.record };
    }
    this.cached.set(entry, { record: event.record, until: world.now + StaleCache.KEPT_US });
    return event;
  }

  clone(): StaleCache {
    const copy = new StaleCache();
    for (const [entry, cached] of this.cached) copy.cached.set(entry, cached);
    for (const [load, key] of this.loads) copy.loads.set(load, key);
    return copy;
  }
}

function place({ id, boot }: Machine, request: number): string {
  return `${id}/${boot}/${request}`;
}
