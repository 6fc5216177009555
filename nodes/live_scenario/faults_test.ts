/** A scenario's faults on real processes: which are possible, which nodes get them, how they combine. */
import { deepEqual, equal, match, throws } from "node:assert/strict";
import { FAULT_KINDS, type MachineFault } from "../../lib/simulation/faults/faults.ts";
import { parseScenario } from "../../lib/simulation/scenario/scenario.ts";
import { betweenNodes, diskUnder } from "./faults.ts";
import { requireRunnable, unsupportedFaults, withoutFaults } from "./support.ts";

const ON_NODE = { atMs: 1, node: "n1" } as const;

Deno.test("scenario: a fault that is not possible on real processes is named, with the reason", () => {
  const scenario = parseScenario({
    nodes: 3,
    faults: [
      { kind: "kill", ...ON_NODE, downMs: 1 },
      { kind: "clock-skew", ...ON_NODE, forMs: 1, byMs: 5 },
      { kind: "kill", ...ON_NODE, downMs: 1, torn: 0.5 },
      { kind: "disk-corrupt", ...ON_NODE, records: 1 },
      { kind: "clog", atMs: 0, forMs: 1 },
    ],
  });
  const skipped = unsupportedFaults(scenario);
  deepEqual(skipped.map(({ index, kind }) => [index, kind]), [
    [1, "clock-skew"],
    [2, "kill"],
    [3, "disk-corrupt"],
  ]);
  match(skipped[0]?.why ?? "", /share its clock/);
  match(skipped[1]?.why ?? "", /no write is torn/);
  const left = withoutFaults(scenario, skipped);
  deepEqual(left.faults.map(({ kind }) => kind), ["kill", "clog"]);
  deepEqual(unsupportedFaults(left), []);
});

Deno.test("scenario: most kinds of faults are possible on real processes", () => {
  const missing = FAULT_KINDS.filter((kind) => {
    const fault = { kind, ...ON_NODE, torn: 0 } as unknown as MachineFault;
    return unsupportedFaults({ ...parseScenario({}), faults: [fault] }).length > 0;
  });
  deepEqual(
    missing.filter((kind) => ["network", "kill", "wipe", "disk-slow"].includes(kind)),
    [],
  );
  deepEqual(missing, [
    "slow-node",
    "restore",
    "disk-corrupt",
    "clock-skew",
    "clock-jump",
    "return",
  ]);
});

Deno.test("scenario: too many nodes or clients for one machine are refused, naming the field", () => {
  throws(
    () => requireRunnable(parseScenario({ nodes: 65 })),
    /nodes must be at most 64 on real processes: current value is 65/,
  );
  throws(
    () => requireRunnable(parseScenario({ workload: { clients: 1_001 } })),
    /workload\.clients must be at most 1000 on real processes: current value is 1001/,
  );
  throws(
    () => requireRunnable(parseScenario({ nodes: 64, spares: [{ id: "s1" }] })),
    /nodes and spares together must be at most 64 on real processes: current value is 65/,
  );
  requireRunnable(parseScenario({ nodes: 64, workload: { clients: 1_000 } }));
});

Deno.test("scenario: nodes get the link faults between nodes, without the clients", () => {
  const clog = { kind: "clog", from: ["n1", "clients"], to: ["n2"] } as const;
  deepEqual(betweenNodes(clog), [{ ...clog, from: ["n1"] }]);
  deepEqual(betweenNodes({ ...clog, from: ["clients"] }), []);
  deepEqual(betweenNodes({ kind: "clog" }), [{ kind: "clog" }], "all nodes");
  const cut = { kind: "partition", groups: [["n1", "clients"], ["n2"]], how: "drop" } as const;
  deepEqual(betweenNodes(cut), [{ ...cut, groups: [["n1"], ["n2"]] }]);
  deepEqual(betweenNodes({ ...cut, groups: [["clients"], ["n2"]] }), []);
});

Deno.test("scenario: disk faults combine, and a factor becomes an additional time", () => {
  const scenario = parseScenario({ disk: { load: "1", store: "3" } });
  const lasts = { ...ON_NODE, forMs: 1 } as const;
  equal(diskUnder([], scenario), null);
  const slow = { kind: "disk-slow", ...lasts, factor: 3 } as const;
  const healthy = { slowMs: 0, failing: 0, operations: "both", full: false } as const;
  deepEqual(diskUnder([slow, slow], scenario), { ...healthy, slowMs: 16 }, "9 times 2 ms, less 2");
  const failing = {
    kind: "disk-failing",
    ...lasts,
    probability: 0.2,
    operations: "loads",
  } as const;
  deepEqual(diskUnder([failing], scenario), { ...healthy, failing: 0.2, operations: "loads" });
  const stores = { ...failing, probability: 0.1, operations: "stores" } as const;
  deepEqual(diskUnder([failing, stores], scenario), { ...healthy, failing: 0.2 });
  deepEqual(diskUnder([{ kind: "disk-full", ...lasts }], scenario), { ...healthy, full: true });
});
