/**
 * Measures the simulator in its own process and prints the rows as JSON. The process has a young
 * generation that is large enough for a run; with V8's default, half of the time is garbage
 * collection.
 */
import { fileURLToPath } from "node:url";
import { writeAll } from "../options.ts";
import { benchSimulation, SIMULATION_SETTINGS, type SimulationRow } from "./simulation.ts";

/** The same as for the tasks `simulate` and `fuzz`, plus access to the garbage collector. */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=64,--expose-gc";

/** The rows for `deno task bench`. `quick` takes a tenth of the operations. */
export async function runSimulationBench(quick = false): Promise<SimulationRow[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", V8_FLAGS, fileURLToPath(import.meta.url), ...(quick ? ["quick"] : [])],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) throw new Error(`The simulator's benchmark failed: ${text(stderr)}`);
  return JSON.parse(text(stdout)) as SimulationRow[];
}

if (import.meta.main) {
  const share = Deno.args[0] === "quick" ? 10 : 1;
  const settings = SIMULATION_SETTINGS.map((setting) => ({
    ...setting,
    operations: setting.operations / share,
  }));
  writeAll(Deno.stdout, `${JSON.stringify(benchSimulation(settings))}\n`);
}
