/**
 * The latencies of a workload by the model: WARS with a replica as the coordinator, and a forward
 * whenever the random node that is asked is not one of the N. Nothing queues in the model, so the
 * arrivals make no difference.
 */
import { legDelayMs, type Legs, parseLegs } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { Operation } from "../workload/mixes.ts";
import { Tally } from "../workload/tally.ts";
import type { Tallies, WorkloadPlan } from "../workload/workload_plan.ts";

const TRIALS = 200_000;

export function modelWorkload(plan: WorkloadPlan, random: SeededRandom): Tallies {
  const legs = parseLegs(plan.latency);
  const kinds = new Set(plan.phases.flatMap((mix) => mix.map(({ operation }) => operation)));
  return new Map([...kinds].map((operation) => {
    const tally = new Tally();
    const own = random.child(operation);
    for (let i = 0; i < TRIALS; i++) tally.count("ok", operationMs(plan, legs, operation, own));
    return [operation, tally];
  }));
}

function operationMs(
  { nodes, quorums: { n, r, w } }: WorkloadPlan,
  legs: Legs,
  operation: Operation,
  random: SeededRandom,
): number {
  const isForwarded = random.float() >= n / nodes;
  const forwardMs = () => isForwarded ? legs.other.sample(random) + legs.other.sample(random) : 0;
  const getMs = () => forwardMs() + quorumMs(n, r, legs, ["R", "S"], random);
  const putMs = () => forwardMs() + quorumMs(n, w, legs, ["W", "A"], random);
  switch (operation) {
    case "get":
      return getMs();
    case "put":
    case "insert":
      return putMs();
    case "read-modify-write":
      return getMs() + putMs();
  }
}

/** The time until `needed` of N have answered. The coordinator's own copy has no legs. */
function quorumMs(
  n: number,
  needed: number,
  legs: Legs,
  [there, back]: readonly ["R", "S"] | readonly ["W", "A"],
  random: SeededRandom,
): number {
  const leg = (name: typeof there | typeof back) => legDelayMs(legs, name, random, false);
  const answers = Array.from({ length: n }, (_, i) => i === 0 ? 0 : leg(there) + leg(back));
  return answers.sort((a, b) => a - b)[needed - 1] as number;
}
