/**
 * "Sometimes" checks: over a set of seeds, each interesting situation must occur. A checker that never
 * saw two siblings has not tested them.
 */
import type { RunDriver } from "../run_driver.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Simulation } from "../world/simulation.ts";

const SOMETIMES = {
  "read with siblings": "a read returned two or more values",
  "read of nothing": "a read found the key absent or deleted",
  "siblings stored": "a node held concurrent writes",
  "read repair": "a read found a stale replica and repaired it",
  "forward": "a node forwarded a request to a primary",
  "silent replica": "a replica was skipped because it did not answer in time",
  "call failed": "a call was refused or its connection was lost",
  "quorum not met": "too few replicas answered",
  "indeterminate write surfaced": "a write without an answer became durable on a node",
  "indeterminate write vanished": "a write without an answer never became durable",
  "certain failure": "a write was refused before any store",
  "storage failure": "a disk failed to load or store",
  "damaged record replaced": "a node restored an unreadable record from the other replicas",
  "copy destroyed": "the simulator destroyed a copy of a record",
  "delete": "a delete was acknowledged",
  "message dropped": "the network lost a message",
  "message duplicated": "the network delivered a message twice",
  "message delayed": "a rule delayed a message",
  "message held": "a message waited for a partition to heal",
  "message refused": "a message was refused because there was no route",
  "node started again": "a node started again after a crash, a kill or a restart",
  "hint stored": "a fallback stored a write for an unavailable node",
  "hint delivered": "a hint was delivered to its node",
  "node believed down": "the failure detector suspected a node",
  "trees differed": "anti-entropy found keys to repair",
  "disk replaced and filled": "a node with an empty or older disk recovered from its peers",
  "tombstone reaped": "the tombstone of a deleted key was removed",
  "owners differed": "the owners of a key differed when the faults ended",
  "second round": "one round of reads was not enough to make all owners equal",
  "fewer nodes than N": "every node owned every key",
} as const;

type Sometimes = keyof typeof SOMETIMES;
export type SometimesCounts = Readonly<Record<Sometimes, number>>;
export const SOMETIMES_NAMES = Object.keys(SOMETIMES) as Sometimes[];

interface FinishedRun {
  readonly scenario: Scenario;
  readonly simulation: Simulation;
  readonly driver: RunDriver;
}

/** How often each situation occurred in a run. */
export function sometimesOf({ scenario, simulation, driver }: FinishedRun): SometimesCounts {
  const { history, record } = driver;
  const seen = (type: Parameters<typeof simulation.processes.observations.get>[0]) =>
    simulation.processes.observations.get(type) ?? 0;
  const count = (test: (operation: typeof history.operations[number]) => boolean) =>
    history.operations.reduce((sum, operation) => sum + (test(operation) ? 1 : 0), 0);
  const { messageCounters: messages } = simulation;
  // A spare that never joined was never started.
  const restarts = simulation.machines.reduce((sum, { boot }) => sum + Math.max(0, boot - 1), 0);
  return {
    "read with siblings": count((each) => each.returned.length > 1),
    "read of nothing": count((each) =>
      each.kind === "get" && each.outcome === "ok" && each.returned.length === 0
    ),
    "siblings stored": seen("siblings"),
    "read repair": seen("read-repair"),
    "forward": seen("forward"),
    "silent replica": seen("silent"),
    "call failed": seen("call-failed"),
    "quorum not met": count((each) => each.reason === "quorum-not-met"),
    "indeterminate write surfaced": count((each) =>
      each.kind === "put" && each.outcome === "indeterminate" && record.surfaced(each.id)
    ),
    "indeterminate write vanished": count((each) =>
      each.kind === "put" && each.outcome === "indeterminate" && !record.surfaced(each.id)
    ),
    "certain failure": count((each) => each.kind !== "get" && each.outcome === "failed"),
    "storage failure": seen("storage-failed"),
    "damaged record replaced": seen("recovered"),
    "copy destroyed": record.destructions.length,
    "delete": count((each) => each.kind === "delete" && each.outcome === "ok"),
    "message dropped": messages.dropped,
    "message duplicated": messages.duplicated,
    "message delayed": messages.delayed,
    "message held": messages.held,
    "message refused": messages.refused,
    "node started again": restarts,
    "hint stored": seen("hint-stored"),
    "hint delivered": seen("hint-delivered"),
    "node believed down": seen("node-down"),
    "trees differed": simulation.machines.reduce(
      (sum, { replica }) => sum + (replica?.stats().counters.keysRepaired ?? 0),
      0,
    ),
    "disk replaced and filled": seen("recovering") > 0 ? seen("caught-up") : 0,
    "tombstone reaped": seen("reaped"),
    "owners differed":
      driver.holdingsAtHealing.filter((holdings) =>
        new Set(holdings.map(({ siblings }) => JSON.stringify(siblings ?? []))).size > 1
      ).length,
    "second round": driver.rounds > 1 ? 1 : 0,
    "fewer nodes than N": scenario.nodes.length < scenario.config.n ? 1 : 0,
  };
}

/** The sum of two counts. */
export function addSometimes(a: SometimesCounts, b: SometimesCounts): SometimesCounts {
  return Object.fromEntries(
    SOMETIMES_NAMES.map((name) => [name, a[name] + b[name]]),
  ) as SometimesCounts;
}

export function noSometimes(): SometimesCounts {
  return Object.fromEntries(SOMETIMES_NAMES.map((name) => [name, 0])) as SometimesCounts;
}
