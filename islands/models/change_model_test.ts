import assert from "node:assert/strict";
import type { ChangePlan } from "./api.ts";
import {
  balanceRows,
  ChangeModel,
  describeChange,
  progressOf,
  rangesTouched,
} from "./change_model.ts";
import { ClusterApi } from "./cluster_api.ts";

const plan: ChangePlan = {
  planId: "n1-1-1",
  act: "join",
  comes: "n10",
  goes: null,
  moves: [
    { range: 1, from: "n1", to: "n10", share: 0.01 },
    { range: 1, from: "n2", to: "n1", share: 0.01 },
    { range: 4, from: "n2", to: "n10", share: 0.01 },
  ],
  bytes: 1_000,
  balance: {
    before: { n1: { tokens: 4, ranges: 8, share: 1 }, n2: { tokens: 4, ranges: 8, share: 1 } },
    after: {
      n1: { tokens: 3, ranges: 8, share: 1 },
      n10: { tokens: 2, ranges: 2, share: 0.5 },
      n2: { tokens: 3, ranges: 6, share: 0.5 },
    },
  },
};

function modelOf(answer: (call: string) => Response) {
  const requests: string[] = [];
  const api = new ClusterApi("a", (url, init) => {
    const call = `${init?.method ?? "GET"} ${url}`;
    requests.push(call);
    return Promise.resolve(answer(call));
  });
  return { model: new ChangeModel(api), requests };
}

function refusal(detail: string): Response {
  const problem = { type: "x", title: "No", status: 409, detail };
  const headers = { "Content-Type": "application/problem+json" };
  return Response.json(problem, { status: 409, headers });
}

Deno.test("a change is planned first, and exactly that plan is committed", async () => {
  const { model, requests } = modelOf(() => Response.json(plan));
  const planning = model.plan({ kind: "add", weight: 2 });
  assert.equal(model.busy.value, "plan");
  await model.plan({ kind: "remove", node: "n2" });
  await planning;
  assert.equal(model.planned.value?.plan.planId, "n1-1-1");
  await model.commit();
  assert.deepEqual(requests, [
    "POST /api/clusters/a/nodes?plan=true",
    "POST /api/clusters/a/nodes?planId=n1-1-1",
  ]);
  assert.equal(model.planned.value, null);
  assert.equal(model.committed.value?.comes, "n10");
});

Deno.test("moves after a change is complete are not attributed to it", async () => {
  const { model } = modelOf(() => Response.json(plan));
  await model.plan({ kind: "add" });
  await model.commit();
  model.follow({ left: 3, most: 3, leaving: [] });
  model.follow({ left: 0, most: 0, leaving: [] });
  assert.equal(model.committed.value?.comes, "n10");
  model.follow({ left: 5, most: 5, leaving: [] });
  assert.equal(model.committed.value, null);
});

Deno.test("a plan that is cancelled is discarded on the server too", async () => {
  const { model, requests } = modelOf(() => Response.json(plan));
  await model.plan({ kind: "replace", node: "n2" });
  await model.cancel();
  await model.commit();
  assert.equal(model.planned.value, null);
  assert.deepEqual(requests, [
    "POST /api/clusters/a/nodes/n2/replace?plan=true",
    "DELETE /api/clusters/a/plans/n1-1-1",
  ]);
});

Deno.test("a refused plan and a refused commit are shown", async () => {
  const { model } = modelOf((call) =>
    call.includes("planId") ? refusal("it has changed") : Response.json(plan)
  );
  await model.plan({ kind: "remove", node: "n2" });
  await model.commit();
  assert.equal(model.problem.value?.detail, "it has changed");
  assert.equal(model.planned.value, null);
  const refused = modelOf(() => refusal("too few would be left"));
  await refused.model.plan({ kind: "remove", node: "n2" });
  assert.equal(refused.model.problem.value?.detail, "too few would be left");
});

Deno.test("a plan is summarised in numbers and in a sentence", () => {
  assert.equal(rangesTouched(plan), 2);
  assert.deepEqual(balanceRows(plan), [
    { id: "n1", first: [4, 3], replicas: [8, 8] },
    { id: "n2", first: [4, 3], replicas: [8, 6] },
    { id: "n10", first: [0, 2], replicas: [0, 2] },
  ]);
  assert.equal(describeChange(plan), "n10 joins");
  assert.equal(
    describeChange({ ...plan, act: "replace", goes: "n2" }),
    "n10 replaces n2",
  );
});

Deno.test("progress goes from 0 to 1, and is not over before a leaving node has left", () => {
  assert.equal(progressOf({ left: 0, most: 0, leaving: [] }), null);
  assert.equal(progressOf({ left: 3, most: 4, leaving: [] }), 0.25);
  assert.equal(progressOf({ left: 0, most: 4, leaving: ["n2"] }), 1);
});
