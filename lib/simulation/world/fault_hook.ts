/**
 * Where a mutant takes hold of an honest node (`mutants.ts`): it may replace the versioning rules,
 * lie about the boot, change what a replica is told or what it asks for, and where none of that shows
 * the fault, replace a rule inside of it. The core stays clean.
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
  /** Alters a replica that has been made and has taken no step. */
  replica?(replica: Replica): void;
  /** What the replica is told in the event's place; null: nothing. */
  event?(world: World, machine: Machine, event: Event): Event | null;
  /** Changes the effects of one step in place; what it returns the replica is told next, at the same moment. */
  effects?(machine: Machine, effects: Effect[]): readonly Event[];
  /** State, where there is any, must be copied. */
  clone(): FaultHook;
}

/** A hook without state. */
export function stateless(hooks: Omit<FaultHook, "clone">): FaultHook {
  const hook: FaultHook = { ...hooks, clone: () => hook };
  return hook;
}
