import assert from "node:assert/strict";
import type { RequestOutcome } from "../../../../../lib/experiments/workload/tally.ts";
import { dashboardFixture } from "../../../../../tests/dashboard_fixture.ts";

/** Polls the API until the load has ended, however long that takes. */
async function ended(ask: (path: string) => Promise<Response>, path: string) {
  for (;;) {
    const run = await (await ask(path)).json();
    if (run.state !== "running") return run;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("a load runs to its end and keeps its result", async () => {
  const outcomes: RequestOutcome[] = ["ok", "ok", "failed", "indeterminate"];
  let sent = 0;
  const { post, ask } = dashboardFixture({
    loadSender: () => () => Promise.resolve(outcomes[sent++ % 4] as RequestOutcome),
  });
  await post("/api/clusters", { name: "a" });
  const started = await post("/api/clusters/a/load", { operation: "put", count: 200 });
  assert.equal(started.status, 202);
  assert.equal(started.headers.get("Location"), "/api/clusters/a/load/1");
  assert.equal((await started.json()).plan.concurrency, 10);
  const run = await ended(ask, "/api/clusters/a/load/1");
  assert.equal(run.state, "done");
  assert.equal(run.done, 200);
  assert.equal(run.failed, 100);
  assert.equal(run.result.ok, 100);
  const counted = run.result.histogram.reduce(
    (sum: number, bin: { count: number }) => sum + bin.count,
    0,
  );
  assert.equal(counted, 100);
  const list = await (await ask("/api/clusters/a/load")).json();
  assert.equal(list.runs.length, 1);
  assert.equal((await ask("/api/clusters/a/load", { method: "DELETE" })).status, 204);
  assert.deepEqual((await (await ask("/api/clusters/a/load")).json()).runs, []);
});

Deno.test("one load runs at a time, and a stopped load keeps its measurements", async () => {
  const gate = Promise.withResolvers<RequestOutcome>();
  let sent = 0;
  const { post, ask } = dashboardFixture({
    loadSender: () => () => ++sent <= 20 ? Promise.resolve("ok") : gate.promise,
  });
  await post("/api/clusters", { name: "a" });
  await post("/api/clusters/a/load", { operation: "get", count: 1_000, concurrency: 4 });
  const second = await post("/api/clusters/a/load", { operation: "get" });
  assert.equal(second.status, 409);
  assert.match((await second.json()).detail, /Load 1 is running/);
  const stopping = post("/api/clusters/a/load/1/stop");
  gate.resolve("ok");
  const stopped = await (await stopping).json();
  assert.equal(stopped.state, "stopped");
  assert.ok(stopped.result.attempted >= 4 && stopped.result.attempted < 1_000);
  assert.equal((await (await ask("/api/clusters/a/load/1")).json()).state, "stopped");
});

Deno.test("a load that is invalid or does not fit the cluster is refused", async () => {
  const { post, ask } = dashboardFixture();
  await post("/api/clusters", { name: "a" });
  const cases: [unknown, RegExp][] = [
    [{}, /operation must be one of get, put: it is missing/],
    [{ operation: "put", w: 4 }, /w must be a whole number from 1 to N = 3: it is 4/],
    [{ operation: "put", to: "n9" }, /to must be one of any, partition-aware, n1/],
    [{ operation: "put", count: 1e9 }, /count must be a whole number from 1 to 1000000/],
    [{ operation: "put", keys: "latest" }, /keys must be one of uniform, hot-set, zipfian/],
  ];
  for (const [body, expected] of cases) {
    const response = await post("/api/clusters/a/load", body);
    assert.equal(response.status, 400);
    assert.match((await response.json()).detail, expected);
  }
  assert.equal((await ask("/api/clusters/a/load/7")).status, 404);
  assert.equal((await ask("/api/clusters/a/load/x")).status, 400);
});

Deno.test("an exception in the sender fails the load, not the dashboard", async () => {
  const { post, ask, errors } = dashboardFixture({
    loadSender: () => () => Promise.reject(new Error("no route")),
  });
  await post("/api/clusters", { name: "a" });
  await post("/api/clusters/a/load", { operation: "get" });
  const run = await ended(ask, "/api/clusters/a/load/1");
  assert.equal(run.state, "failed");
  assert.match(run.failure, /no route/);
  assert.deepEqual(errors, []);
});
