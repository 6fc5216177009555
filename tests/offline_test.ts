/**
 * Use without network: the dashboard and its nodes need only what the documented command has fetched.
 * The test uses a simulated new machine, so that existing caches cannot hide a missing package.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { untilRunning } from "./dashboard_process.ts";
import { type NewMachine, newMachine, type Task, thisMachineOffline } from "./new_machine.ts";

/** Messages of Deno when it needs the network. */
const NETWORK = /Download|error sending request|not found in cache/;

async function textAt(url: string): Promise<string> {
  const answer = await fetch(url);
  const text = await answer.text();
  assert.equal(answer.status, 200, `${url} answers ${text.slice(0, 300)}`);
  return text;
}

async function runs(task: Task, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(`Output of the task:\n${task.stdout()}${task.stderr()}`);
    throw error;
  } finally {
    await task.end();
  }
}

/** Requests the parts that a node loads late. */
async function checkLatePackages(url: string): Promise<void> {
  assert.match(await textAt(`${url}/metrics`), /^# HELP dynamo_/m);
  assert.match(await textAt(`${url}/docs`), /<html/);
  assert.equal(JSON.parse(await textAt(`${url}/openapi.json`)).openapi, "3.1.0");
}

async function startsDashboard(machine: NewMachine): Promise<void> {
  const task = machine.task(["start", "--port", "0"]);
  await runs(task, async () => {
    const [url] = await task.untilOutput(/http:\/\/127\.0\.0\.1:\d+(?=\/)/);
    // The bundler has made the page's script.
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await textAt(`${url}/`))?.[1];
    assert.ok(script !== undefined, "the page must have a script");
    assert.ok((await textAt(url + script)).length > 1_000);
    await untilRunning(`${url}/api/clusters/demo`);
    const { nodes } = JSON.parse(await textAt(`${url}/api/clusters/demo`));
    assert.equal(nodes.length, 5);
    for (const node of nodes) await checkLatePackages(node.url);
  });
  assert.doesNotMatch(task.stderr(), NETWORK);
}

async function startsNode(machine: NewMachine): Promise<void> {
  const kv = join(machine.scratch, "node.sqlite3");
  const task = machine.task(["node", "--id", "solo", "--port", "0", "--kv", kv]);
  await runs(task, async () => {
    const [line] = await task.untilOutput(/^\{"ready":true.*\}$/m);
    await checkLatePackages(JSON.parse(line).url);
  });
  assert.doesNotMatch(task.stderr(), NETWORK);
}

/** The cache is lost while the dashboard runs: no node can start, and the page says what to do. */
async function reportsMissingPackages(machine: NewMachine): Promise<void> {
  const task = machine.task(["start", "--port", "0", "--no-cluster"]);
  await runs(task, async () => {
    const [url] = await task.untilOutput(/http:\/\/127\.0\.0\.1:\d+(?=\/)/);
    await textAt(`${url}/`);
    await Deno.rename(join(machine.denoDir, "npm"), join(machine.denoDir, "lost"));
    const answer = await fetch(`${url}/api/clusters`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "late", nodes: 2, n: 2 }),
    });
    assert.equal(answer.status, 500);
    const { detail } = await answer.json();
    assert.match(detail, /^Node n\d could not start: a package is missing from Deno's cache/);
    assert.match(detail, /\nConnect to the network once and run: npx --yes deno@2\.9 task fetch$/);
    const { clusters: [late] } = JSON.parse(await textAt(`${url}/api/clusters`));
    assert.equal(late.failure, detail);
    assert.match(await textAt(`${url}/`), /a package is missing/);
  });
}

Deno.test("offline: after 'task fetch', start and node need no network", async () => {
  const fresh = await newMachine();
  if (fresh === null) {
    // Without network nothing can be fetched; the existing caches of this machine must be enough.
    await using machine = await thisMachineOffline();
    await startsDashboard(machine);
    await startsNode(machine);
    return;
  }
  await using machine = fresh;
  const fetching = machine.task(["fetch"]);
  await runs(fetching, async () => assert.ok((await fetching.ended).success));
  await machine.goOffline();
  const again = machine.task(["fetch"]);
  await runs(again, async () => assert.ok((await again.ended).success));
  await startsDashboard(machine);
  await startsNode(machine);
  await reportsMissingPackages(machine);
});
