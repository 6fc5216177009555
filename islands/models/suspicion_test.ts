import assert from "node:assert/strict";
import type { NodeState, NodeView } from "./api.ts";
import { describeHints, describeSuspicion, hintsHeld, suspicionOf } from "./suspicion.ts";

type PeerReports = Record<string, { readonly up: boolean; readonly phi: number | null }>;

function view(id: string, peers: PeerReports, state: NodeState = "running"): NodeView {
  return {
    id,
    url: `http://127.0.0.1/${id}`,
    pid: 1,
    state,
    exit: null,
    mark: 0,
    status: {
      uptimeMs: 0,
      keys: 0,
      bytesOnDisk: 0,
      requests: { inFlight: 0, served: 0, failed: 0 },
      memory: { rssBytes: 0, heapUsedBytes: 0 },
      hints: {},
      peers,
      warnings: [],
      servedPerSecond: 0,
    },
  };
}

Deno.test("suspicion has the highest phi of the running nodes, and those that believe it down", () => {
  const nodes = [
    view("n1", { n2: { up: true, phi: 1.5 }, n3: { up: true, phi: 0.1 } }),
    view("n2", { n1: { up: false, phi: 50 }, n3: { up: false, phi: 50 } }, "paused"),
    view("n3", { n1: { up: true, phi: null }, n2: { up: false, phi: 9 } }),
  ];
  assert.deepEqual(suspicionOf(nodes, "n2"), { phi: 9, downBy: ["n3"], reports: 2 });
  assert.deepEqual(suspicionOf(nodes, "n1"), { phi: null, downBy: [], reports: 1 });
  assert.deepEqual(suspicionOf(nodes, "n9"), { phi: null, downBy: [], reports: 0 });
});

Deno.test("suspicions and hints are described in a phrase", () => {
  const describe = (downBy: string[], reports = 4) =>
    describeSuspicion({ phi: 9, downBy, reports });
  assert.equal(describe([]), null);
  assert.equal(describe(["n1"]), "n1 believes it is down");
  assert.equal(describe(["n1", "n3"]), "n1 and n3 believe it is down");
  assert.equal(describe(["n1", "n3", "n4", "n5"]), "all 4 other nodes believe it is down");
  assert.equal(describe(["n1", "n3"], 2), "n1 and n3 believe it is down");
  assert.equal(describeHints({}), null);
  assert.equal(describeHints({ n3: 0 }), null);
  assert.equal(describeHints({ n3: 1 }), "1 hint for n3");
  assert.equal(describeHints({ n3: 10, n4: 2 }), "12 hints: 10 for n3 and 2 for n4");
  assert.equal(hintsHeld({ n3: 10, n4: 2 }), 12);
});
