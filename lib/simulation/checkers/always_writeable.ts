/**
 * Checker 10, the heart of it: with a sloppy quorum and W nodes that can be reached, a put succeeds.
 *
 * It is asked where nothing else stands in the way: the only faults are processes that are down, all
 * messages and disks are fast beside the patience, and no process starts or stops while the put is
 * under way. Refusals at the bound of hints or siblings are excepted.
 */
import { parseDistribution, parseLegs, type Shape } from "../../random/latency.ts";
import { endOf, type Fault, type FaultKind } from "../faults/faults.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Operation } from "../workload/history.ts";
import { always, type Checker, type Finding, labelOf } from "./checker.ts";

const PROCESS_FAULTS: readonly FaultKind[] = ["crash", "kill", "restart", "wipe"];
const EXCEPTED = ["too-many-siblings", "overloaded", "invalid"];
/** Room for hints that no scenario fills. */
const HINTS_PLENTY = 10_000;

export const alwaysWriteable: Checker = {
  name: "always-writeable",
  about: "with a sloppy quorum, W reachable nodes and a calm network, a put succeeds",
  asserted: always,
  check({ scenario, history }) {
    if (!isCalm(scenario)) return { examined: 0, findings: [] };
    const findings: Finding[] = [];
    let examined = 0;
    for (const operation of history.operations) {
      if (operation.kind !== "put" || !shouldSucceed(operation, scenario)) continue;
      examined++;
      if (operation.outcome === "ok" || EXCEPTED.includes(operation.reason ?? "")) continue;
      findings.push({
        message: `${labelOf(operation)} at ${operation.node} ended ${operation.outcome} ` +
          `(${operation.reason}), although ${operation.options.w} nodes could be reached`,
        key: operation.key,
        operations: [operation.id],
      });
    }
    return { examined, findings };
  },
};

/** Nothing but processes that are down can make a put fail. */
function isCalm({ config, faults, network, disk }: Scenario): boolean {
  const legs = parseLegs(network.latency);
  const slowestMs = Math.max(
    ...[legs.W, legs.A, legs.other].map(({ shape }) => longest(shape)),
    longest(parseDistribution(network.clients).shape),
  ) + legs.remoteMs;
  const diskMs = longest(parseDistribution(disk.load).shape) +
    longest(parseDistribution(disk.store).shape);
  return config.sloppy && config.hintsMax >= HINTS_PLENTY &&
    4 * slowestMs + 2 * diskMs < config.patienceMs / 2 &&
    faults.every((fault) => PROCESS_FAULTS.includes(fault.kind));
}

/** The longest that a draw can be, ms; infinite where there is no bound. */
function longest(shape: Shape): number {
  switch (shape.kind) {
    case "constant":
      return shape.ms;
    case "uniform":
      return shape.high;
    default:
      return Infinity;
  }
}

function shouldSucceed(operation: Operation, { nodes, faults, config }: Scenario): boolean {
  const { options, startedAt, endedAt } = operation;
  if (!options.sloppy || options.pw > 0 || options.timeoutMs < config.timeoutMs) return false;
  if (faults.some((fault) => changesDuring(fault, startedAt, endedAt))) return false;
  const down = new Set(
    faults.filter((fault) => isDownAt(fault, startedAt)).map((fault) =>
      "node" in fault && fault.node
    ),
  );
  return !down.has(operation.node) && nodes.length - down.size >= options.w;
}

/** A process stops or starts just then, or did so a moment ago and its peers are still finding out. */
function changesDuring(fault: Fault, from: number, to: number): boolean {
  return [fault.atMs, endOf(fault)].some((ms) =>
    ms * US_PER_MS >= from - MOMENT_US && ms * US_PER_MS <= to
  );
}

const MOMENT_US = 100_000;

function isDownAt(fault: Fault, at: number): boolean {
  return fault.atMs * US_PER_MS <= at && endOf(fault) * US_PER_MS >= at;
}
