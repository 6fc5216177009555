/**
 * Where a mutant (`mutants.ts`) changes a correct node. It may replace the versioning rules, the boot, a
 * replica's events or its effects, or if none of these is enough a method of the replica. The protocol
 * core itself contains no such code.
 */
import type { Replica } from "../../dynamo/replica.ts";
import type { Boot } from "../../dynamo/types/boot.ts";
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { Machine } from "./machine.ts";
import type { World } from "./world.ts";

export interface FaultHook {
  /** Replaces the mode's versioning. */
  rules?(initialConfig: InitialClusterConfig): Versioning;
  boot?(boot: Boot): Boot;
  /** Changes a new replica before its first step. */
  replica?(replica: Replica): void;
  /** Returns the event that the replica gets instead; null: none. */
  event?(world: World, machine: Machine, event: Event): Event | null;
  /** Changes the effects of one step in place. Returns events that the replica gets next, at the same time. */
  effects?(machine: Machine, effects: Effect[]): readonly Event[];
  /** Must copy its state, if it has any. */
  clone(): FaultHook;
}

/** A hook without state. */
export function stateless(hooks: Omit<FaultHook, "clone">): FaultHook {
  const hook: FaultHook = { ...hooks, clone: () => hook };
  return hook;
}
