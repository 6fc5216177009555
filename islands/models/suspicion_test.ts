import assert from "node:assert/strict";
import type { NodeState, NodeView } from "./api.ts";
import { describeHints, describeSuspicion, hintsHeld, suspicionOf } from "./suspicion.ts";

type Opinions = Record<string, { readonly up: boolean; readonly phi: number | null }>;

function view(id: string, peers: Opinions, state: NodeState = "running"): NodeView {
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

Deno.test("the highest phi of those who run counts, and who believes the node down", () => {
  const nodes = [
    view("n1", { n2: { up: true, phi: 1.5 }, n3: { up: true, phi: 0.1 } }),
    view("n2", { n1: { up: false, phi: 50 }, n3: { up: false, phi: 50 } }, "paused"),
    view("n3", { n1: { up: true, phi: null }, n2: { up: false, phi: 9 } }),
  ];
  assert.deepEqual(suspicionOf(nodes, "n2"), { phi: 9, downBy: ["n3"], asked: 2 });
  assert.deepEqual(suspicionOf(nodes, "n1"), { phi: null, downBy: [], asked: 1 });
  assert.deepEqual(suspicionOf(nodes, "n9"), { phi: null, downBy: [], asked: 0 });
});

Deno.test("suspicions and hints are put in words", () => {
  const words = (downBy: string[], asked = 4) => describeSuspicion({ phi: 9, downBy, asked });
  assert.equal(words([]), null);
  assert.equal(words(["n1"]), "n1 believes it down");
  assert.equal(words(["n1", "n3"]), "n1 and n3 believe it down");
  assert.equal(words(["n1", "n3", "n4", "n5"]), "all 4 others believe it down");
  assert.equal(words(["n1", "n3"], 2), "n1 and n3 believe it down");
  assert.equal(describeHints({}), null);
  assert.equal(describeHints({ n3: 0 }), null);
  assert.equal(describeHints({ n3: 1 }), "1 hint for n3");
  assert.equal(describeHints({ n3: 10, n4: 2 }), "12 hints: 10 for n3 and 2 for n4");
  assert.equal(hintsHeld({ n3: 10, n4: 2 }), 12);
});
