/**
 * Checker 10, availability: with a sloppy quorum and W reachable nodes, a put succeeds (SOSP 2007,
 * sections 2.3 and 4.6).
 *
 * It examines only puts that nothing else can make fail: all faults are processes that are down,
 * messages and disks are fast compared to `patienceMs`, and no process starts or stops during the
 * put. A refusal because a limit on siblings or requests is reached is allowed.
 */
import { parseDistribution, parseLegs, type Shape } from "../../random/latency.ts";
import { endOf, type Fault, type FaultKind } from "../faults/faults.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { Operation } from "../workload/history.ts";
import { always, type Checker, type Finding, labelOf } from "./checker.ts";

const PROCESS_FAULTS: readonly FaultKind[] = ["crash", "kill", "restart", "wipe"];
const ALLOWED_REASONS = ["too-many-siblings", "overloaded", "invalid"];
/** More hints than any scenario creates. */
const HINTS_ENOUGH = 10_000;

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
      if (operation.outcome === "ok" || ALLOWED_REASONS.includes(operation.reason ?? "")) continue;
      findings.push({
        message: `${labelOf(operation)} at ${operation.node} ended ${operation.outcome} ` +
          `(${operation.reason}), although at least ${operation.options.w} nodes were reachable`,
        key: operation.key,
        operations: [operation.id],
      });
    }
    return { examined, findings };
  },
};

/** Whether only processes that are down can make a put fail. */
function isCalm({ config, faults, network, disk }: Scenario): boolean {
  const legs = parseLegs(network.latency);
  const slowestMs = Math.max(
    ...[legs.W, legs.A, legs.other].map(({ shape }) => longest(shape)),
    longest(parseDistribution(network.clients).shape),
  ) + legs.remoteMs;
  const diskMs = longest(parseDistribution(disk.load).shape) +
    longest(parseDistribution(disk.store).shape);
  return config.sloppy && config.hintsMax >= HINTS_ENOUGH &&
    4 * slowestMs + 2 * diskMs < config.patienceMs / 2 &&
    faults.every((fault) => PROCESS_FAULTS.includes(fault.kind));
}

/** The largest value that can be drawn, ms; infinite if there is no bound. */
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

/**
 * Whether a process stops or starts during the put or shortly before, so that peers may not know.
 */
function changesDuring(fault: Fault, from: number, to: number): boolean {
  return [fault.atMs, endOf(fault)].some((ms) =>
    ms * US_PER_MS >= from - DETECTION_US && ms * US_PER_MS <= to
  );
}

const DETECTION_US = 100_000;

function isDownAt(fault: Fault, at: number): boolean {
  return fault.atMs * US_PER_MS <= at && endOf(fault) * US_PER_MS >= at;
}
