/** How fast the WARS model is: trials a second on one core, N=3, one quorum, as `deno task pbs` runs it. */
import process from "node:process";
import { runWars } from "../../lib/experiments/wars/wars.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";

export interface ModelRow {
  readonly legs: string;
  readonly trials: number;
  readonly trialsPerSecond: number;
  /** By processor time: what an otherwise idle core would have done. */
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
