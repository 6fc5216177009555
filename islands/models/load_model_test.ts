import assert from "node:assert/strict";
import { runOf } from "../../tests/page_examples.ts";
import type { LoadRunView } from "./api.ts";
import { ClusterApi } from "./cluster_api.ts";
import { LoadModel, RUNS_KEPT } from "./load_model.ts";

function loadOf(answer: (url: string, body: string) => Response, runs: LoadRunView[] = []) {
  const api = new ClusterApi(
    "a",
    (url, init) => Promise.resolve(answer(`${init?.method} ${url}`, String(init?.body ?? ""))),
  );
  return new LoadModel(api, runs);
}

const running: LoadRunView = { ...runOf(1, "put", []), state: "running", result: null };

Deno.test("a run starts with the form's plan, shows its progress, and is drawn when it has ended", async () => {
  let sent = "";
  const load = loadOf((_, body) => {
    sent = body;
    return Response.json(running, { status: 202 });
  });
  load.change({ count: 50, operation: "put", keys: "zipfian", w: 3 });
  await load.start();
  assert.equal(JSON.parse(sent).keys, "zipfian");
  assert.equal(JSON.parse(sent).w, 3);
  assert.equal(load.current.value?.run, 1);
  assert.ok(load.overlay.peek() === null);
  load.update({ ...running, done: 20 });
  assert.equal(load.current.value?.done, 20);
  load.update(runOf(1, "put", [1, 2, 3]));
  assert.equal(load.current.value, null);
  assert.equal(load.overlay.peek()?.series.length, 1);
});

Deno.test("a late answer to the start of a run does not overwrite newer reports on it", async () => {
  const load = loadOf(() => {
    load.update(runOf(1, "put", [1]));
    return Response.json(running);
  });
  await load.start();
  assert.equal(load.runs.value[0]?.state, "done");
});

Deno.test("a refusal is shown until the next start", async () => {
  let refuse = true;
  const problem = { type: "x", title: "Conflict", status: 409, detail: "Load 1 is running" };
  const headers = { "Content-Type": "application/problem+json" };
  const load = loadOf(() =>
    refuse ? Response.json(problem, { status: 409, headers }) : Response.json(running)
  );
  await load.start();
  assert.equal(load.problem.value?.detail, "Load 1 is running");
  refuse = false;
  await load.start();
  assert.equal(load.problem.value, null);
});

Deno.test("gets and puts are overlaid, can be hidden, and are cleared", async () => {
  const runs = [runOf(1, "put", [5, 6]), runOf(2, "get", [1, 2])];
  const load = loadOf(() => new Response(null, { status: 204 }), runs);
  assert.deepEqual(load.overlay.value?.series.map((series) => series.operation), ["put", "get"]);
  load.toggle(1);
  assert.deepEqual(load.overlay.value?.series.map((series) => series.operation), ["get"]);
  load.toggle(1);
  load.update({ ...running, run: 3 });
  await load.clear();
  assert.deepEqual(load.runs.value.map((run) => run.run), [3]);
  assert.equal(load.overlay.value, null);
});

Deno.test("only the newest RUNS_KEPT finished runs are kept", () => {
  const load = loadOf(() => Response.json({}));
  for (let run = 1; run <= RUNS_KEPT + 3; run++) load.update(runOf(run, "get", [1]));
  assert.equal(load.finished.value.length, RUNS_KEPT);
  assert.equal(load.finished.value.at(-1)?.run, RUNS_KEPT + 3);
});
