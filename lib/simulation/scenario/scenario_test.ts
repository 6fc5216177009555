import assert from "node:assert/strict";
import { ConfigError } from "../../dynamo/types/config.ts";
import { FAULT_KINDS } from "../faults/faults.ts";
import { ScenarioError } from "./fields.ts";
import { formatScenario, parseScenario, parseScenarioText } from "./scenario.ts";
import { swarmScenario } from "./swarm.ts";

/** The error message for an invalid scenario. */
function messageOf(input: unknown): string {
  try {
    parseScenario(input);
  } catch (error) {
    assert.ok(error instanceof ScenarioError || error instanceof ConfigError, `${error}`);
    return error.message;
  }
  assert.fail(`${JSON.stringify(input)} was accepted`);
}

const fault = (fields: object) => ({ nodes: 3, faults: [{ atMs: 0, ...fields }] });

Deno.test("an empty scenario is valid: every field has a default", () => {
  const scenario = parseScenario({});
  assert.equal(scenario.nodes.length, 5);
  assert.equal(scenario.config.n, 3);
  assert.equal(scenario.workload.kind, "mix");
  assert.deepEqual(parseScenario(scenario), scenario, "parsing again changes nothing");
});

Deno.test("a scenario is the same after it was written to a file and read again", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const scenario = swarmScenario(seed);
    assert.deepEqual(parseScenarioText(formatScenario(scenario)), scenario);
  }
});

Deno.test("an invalid scenario is refused with the field, the value and what is allowed", () => {
  const cases: [unknown, RegExp][] = [
    [
      fault({ kind: "meteor" }),
      /^faults\[0\]\.kind must be one of loss, .*: current value is "meteor"$/,
    ],
    [
      fault({ kind: "loss", forMs: 10, probability: 1.5 }),
      /^faults\[0\]\.probability must be a probability from 0 to 1: current value is 1\.5$/,
    ],
    [fault({ kind: "loss", forMs: 10, probability: -0.1 }), /probability.*-0\.1$/],
    [fault({ kind: "loss", forMs: 10 }), /^faults\[0\]\.probability must be .*missing$/],
    [
      fault({ kind: "crash", node: "n9", downMs: 1 }),
      /^faults\[0\]\.node must be one of n1, n2, n3: current value is "n9"$/,
    ],
    [
      fault({ kind: "crash", node: "n1", downMs: -1 }),
      /^faults\[0\]\.downMs must be a number from 0 to 86400000: current value is -1$/,
    ],
    [
      fault({ kind: "crash", node: "n1", downMs: 1, why: "?" }),
      /^faults\[0\]\.why must be left out/,
    ],
    [
      fault({ kind: "delay", forMs: 1, latency: "-5" }),
      /^faults\[0\]\.latency must be a latency; .*from 0 to 86400000 ms: it is -5/,
    ],
    [
      fault({ kind: "partition", forMs: 1, groups: [["n1"], ["n1", "n2"]] }),
      /have no node in common/,
    ],
    [
      fault({ kind: "partition", forMs: 1, groups: [["n1"]] }),
      /^faults\[0\]\.groups must be a list of at least 2/,
    ],
    [
      fault({ kind: "flapping", forMs: 1, periodMs: 10, downMs: 11 }),
      /downMs must be a number from 0 to 10/,
    ],
    [
      fault({ kind: "clock-jump", node: "n1", byMs: 1e9 }),
      /byMs must be a number from -900000 to 900000/,
    ],
    [{
      nodes: 1,
      faults: [1, 2].map(() => ({ kind: "clock-jump", atMs: 0, node: "n1", byMs: 800_000 })),
    }, /at most 900000 ms in total/],
    [
      { version: 2 },
      /^version must be at most 1, the newest that this program knows: current value is 2$/,
    ],
    [{ format: "something" }, /^format must be 'dynamo-scenario': current value is "something"$/],
    [
      { network: { latency: "uniform(5,1)" } },
      /^network\.latency must be a latency; .*at least its low/,
    ],
    [{ seed: 1.5 }, /^seed must be a whole number/],
    [{ nodes: 0 }, /^nodes must be a whole number from 1 to 10000: current value is 0$/],
    [{ nodes: [] }, /^nodes must be a number from 1, or a list of at least one node/],
    [
      { nodes: [{ id: "a" }, { id: "b" }, { id: "a" }] },
      /^nodes\[2\]\.id must be an id that no other node has: current value is "a"$/,
    ],
    [{ nodes: 2, spares: [{ id: "n2" }] }, /^spares\[0\]\.id must be an id that no other/],
    [{ config: { cluster: "" } }, /^config\.cluster must be 1 to 64 of A-Z a-z 0-9 \. _ -/],
    [
      { config: { n: 3, r: 4 } },
      /^config\.r must be a whole number from 1 to 3: current value is 4$/,
    ],
    [
      { config: { colour: "red" } },
      /^config\.colour must be left out, .*: current value is "red"$/,
    ],
    [{ workload: { acts: { get: 0 } } }, /^workload\.acts must be weights/],
    [{ workload: { acts: { fetch: 1 } } }, /^workload\.acts\.fetch must be left out/],
    [
      { workload: { operations: 1e9 } },
      /^workload\.operations must be a whole number from 0 to 10000000/,
    ],
    [{ wrokload: {} }, /^wrokload must be left out, as known fields here are .*workload/],
    [[], /^the scenario must be a JSON object/],
  ];
  for (const [input, message] of cases) assert.match(messageOf(input), message);
});

Deno.test("a file that is not JSON is refused with the place and a short excerpt", () => {
  const long = '"key": "value", '.repeat(20);
  const cases: [string, string][] = [
    ["", 'JSON, but it is incomplete at line 1, column 1: current value is ""'],
    [
      '{\n  "nodes": [5,',
      'JSON, but it is incomplete at line 2, column 15: current value is "{\\n  \\"nodes\\": [5,"',
    ],
    [
      '{\n  "nodes": 5\n  "seed": 1\n}',
      'JSON, but it is invalid at line 3, column 3: current value is "\\"seed\\": 1"',
    ],
    [
      `nodes ${long}`,
      'JSON, but it is invalid at line 1, column 1: current value is "nodes \\"key\\": \\"value\\", \\"key\\": \\""',
    ],
  ];
  for (const [text, message] of cases) {
    const refused = (error: Error) => error.message === `the scenario file must be ${message}`;
    assert.throws(() => parseScenarioText(text), refused, text);
  }
});

Deno.test("a swarm has every kind of fault, but destroys copies on fewer than W nodes", () => {
  const drawn = new Set<string>();
  for (let seed = 1; seed <= 300; seed++) {
    const { faults, config, nodes } = swarmScenario(seed);
    for (const { kind } of faults) drawn.add(kind);
    const hit = new Set(faults.flatMap((each) => {
      const destroys = each.kind === "wipe" || each.kind === "disk-corrupt" ||
        (each.kind === "kill" && each.torn > 0);
      return destroys && "node" in each ? [each.node] : [];
    }));
    assert.ok(
      hit.size < Math.min(config.w, config.n, nodes.length) || hit.size === 0,
      `seed ${seed}`,
    );
  }
  assert.deepEqual([...drawn].sort(), [...FAULT_KINDS].sort());
});
