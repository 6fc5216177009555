/**
 * Explains a failing seed. Writes the scenario, a shrunk scenario that fails in the same way, and
 * space-time diagrams of the shrunk run as text and as SVG.
 */
import { join } from "node:path";
import { diagramOf, renderText } from "../../lib/simulation/report/diagram.ts";
import { renderSvg } from "../../lib/simulation/report/diagram_svg.ts";
import { TraceMemory } from "../../lib/simulation/report/trace.ts";
import { type RunOptions, runScenario } from "../../lib/simulation/run.ts";
import { formatScenario, type Scenario } from "../../lib/simulation/scenario/scenario.ts";
import { shrink } from "../../lib/simulation/scenario/shrink.ts";

interface ExplainOptions {
  readonly checker: string;
  /** The directory in which a folder for the seed is created. */
  readonly out: string;
  readonly triesMax: number;
  /** The options of every run. Tests add a mutant here. */
  readonly run?: () => RunOptions;
}

interface Explanation {
  /** The explanation for users. */
  readonly text: string;
  readonly scenario: Scenario;
  readonly files: {
    readonly scenario: string;
    readonly shrunk: string;
    readonly text: string;
    readonly svg: string;
  };
}

const TRACE_ENTRIES_MAX = 20_000;
/**
 * After the last operation and fault, a run only waits and checks: only this much of it is drawn.
 */
const TAIL_US = 50_000;

/**
 * Shrinks and draws a failing scenario and writes the files. Throws when the check does not fail.
 */
export function explain(whole: Scenario, options: ExplainOptions): Explanation {
  const { checker, triesMax, run = () => ({}) } = options;
  const { scenario, result, tries } = shrink(whole, { checker, triesMax, run });
  const violation = result.violations.find((each) => each.checker === checker);
  const tracer = new TraceMemory(TRACE_ENTRIES_MAX);
  runScenario(scenario, { ...run(), tracer });
  const title = `Seed ${whole.seed}, shrunk: ${checker}: ${violation?.message}`;
  const nodes = scenario.nodes.map((node) => node.id);
  const diagram = diagramOf(title, nodes, tracer.entries, endOfActs(scenario) + TAIL_US);
  const folder = join(options.out, `seed-${whole.seed}`);
  Deno.mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string) => {
    const path = join(folder, name);
    Deno.writeTextFileSync(path, text);
    return path;
  };
  const files = {
    scenario: write("scenario.json", formatScenario(whole)),
    shrunk: write("shrunk.json", formatScenario(scenario)),
    text: write("diagram.txt", renderText(diagram)),
    svg: write("diagram.svg", renderSvg(diagram)),
  };
  const { workload, faults } = scenario;
  const operations = workload.kind === "script" ? workload.operations.length : workload.operations;
  const text = [
    `seed ${whole.seed} fails ${checker}:`,
    `  ${violation?.message}`,
    `  replay: deno task simulate --replay ${files.scenario}`,
    `  shrunk in ${tries} runs to ${counted(nodes.length, "node")}, ` +
    `${counted(operations, "operation")} and ${counted(faults.length, "fault")}:`,
    `          deno task simulate --replay ${files.shrunk}`,
    `  drawn:  ${files.svg}`,
    "",
    renderText(diagram),
  ].join("\n");
  return { text, scenario, files };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The virtual time of the last operation or fault, µs; Infinity when it is not known. */
function endOfActs({ workload, faults }: Scenario): number {
  if (workload.kind !== "script") return Infinity;
  return Math.max(
    0,
    ...workload.operations.map((operation) => operation.atUs),
    ...faults.map((fault) => fault.atMs * 1_000),
  );
}
