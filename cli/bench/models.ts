/** The speed of the WARS model on one core, with N=3 and one quorum, as in `deno task pbs`. */
import process from "node:process";
import { runWars } from "../../lib/experiments/wars/wars.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";

export interface ModelRow {
  readonly legs: string;
  readonly trials: number;
  readonly trialsPerSecond: number;
  /** Per second of processor time, as on an otherwise idle core. */
  readonly trialsPerCpuSecond: number;
}

const SPECS: readonly string[] = ["exp(1)", "LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"];
const WARM_UP = 400_000;

export function benchWars(trials: number): ModelRow[] {
  return SPECS.map((spec) => {
    const model = {
      n: 3,
      coordinator: "proxy" as const,
      pairs: [{ r: 1, w: 1 }],
      legs: parseLegs(spec),
    };
    runWars(model, WARM_UP, SeededRandom.from("warm-up"));
    const startedMs = performance.now();
    const before = process.cpuUsage();
    runWars(model, trials, SeededRandom.from("bench"));
    const { user, system } = process.cpuUsage(before);
    return {
      legs: spec,
      trials,
      trialsPerSecond: trials / (performance.now() - startedMs) * 1_000,
      trialsPerCpuSecond: trials / (user + system) * 1e6,
    };
  });
}
