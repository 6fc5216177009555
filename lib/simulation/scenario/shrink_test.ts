import assert from "node:assert/strict";
import { mutantNamed } from "../mutants/mutants.ts";
import { diagramOf, renderText } from "../report/diagram.ts";
import { renderSvg } from "../report/diagram_svg.ts";
import { TraceMemory } from "../report/trace.ts";
import { runScenario } from "../run.ts";
import { formatScenario, parseScenario, parseScenarioText } from "./scenario.ts";
import { shrink } from "./shrink.ts";
import { swarmScenario } from "./swarm.ts";

Deno.test("a failing run shrinks to a few operations that fail the same way, also from a file", () => {
  const mutant = mutantNamed("plain-vector-clock");
  assert.ok(mutant);
  const scenario = swarmScenario(1, { mode: "dvv" });
  const options = {
    checker: mutant.caughtBy,
    triesMax: 300,
    run: () => ({ hook: mutant.createHook() }),
  };
  const shrunk = shrink(scenario, options);
  assert.ok(shrunk.tries <= 300);
  const { workload } = shrunk.scenario;
  assert.equal(workload.kind, "script");
  assert.ok(workload.kind === "script" && workload.operations.length <= 4, "two puts are enough");
  assert.equal(shrunk.scenario.faults.length, 0, "the mutant loses a write without any fault");
  const reread = parseScenarioText(formatScenario(shrunk.scenario));
  const again = runScenario(reread, { hook: mutant.createHook() });
  assert.equal(again.traceHash, shrunk.result.traceHash);
  assert.ok(again.violations.some((violation) => violation.checker === mutant.caughtBy));
  assert.ok(runScenario(reread).ok, "without the mutant it passes");
});

Deno.test("a scenario that does not fail cannot be shrunk", () => {
  const scenario = swarmScenario(1, { kinds: [] });
  assert.throws(
    () => shrink(scenario, { checker: "no-lost-write", triesMax: 5 }),
    /no-lost-write finds no violation/,
  );
});

Deno.test("the diagram of a run shows its processes, messages and faults", () => {
  const scenario = parseScenario({
    nodes: 3,
    workload: { operations: 12, clients: 2, keys: 2 },
    faults: [{ kind: "crash", atMs: 5, node: "n2", downMs: 10 }],
  });
  const tracer = new TraceMemory(2_000);
  runScenario(scenario, { tracer });
  const diagram = diagramOf("A crash", scenario.nodes.map((node) => node.id), tracer.entries);
  const text = renderText(diagram);
  assert.match(text, /^A crash\n/);
  for (const { id } of scenario.nodes) assert.ok(text.includes(id));
  assert.match(text, /crash/);
  assert.match(text, /─▶|◀─/);
  const svg = renderSvg(diagram);
  assert.match(svg, /^<svg [^>]*role="img"/);
  assert.equal(svg.match(/<g>/g)?.length, diagram.messages.length + diagram.notes.length);
  assert.doesNotMatch(svg, /NaN|undefined/);
  const wide = renderSvg({ ...diagram, title: "long ".repeat(50) });
  assert.ok(Number(/ width="(\d+)"/.exec(wide)?.[1]) >= 250 * 7, "a long title is not cut off");
});
