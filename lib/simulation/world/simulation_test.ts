/**
 * Faults of processes, disks, clocks and messages, as a client of the simulated cluster sees them.
 */
import assert from "node:assert/strict";
import type { ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Fault } from "../faults/faults.ts";
import { parseScenario, type ScenarioInput } from "../scenario/scenario.ts";
import { worldOf } from "./cluster.ts";
import { Simulation } from "./simulation.ts";
import type { ClientOutcome } from "./tasks.ts";
import type { Tracer } from "./tracer.ts";
import type { Driver } from "./world.ts";

const MS = 1_000;
const put: ClientRequest = {
  method: "put",
  key: "k",
  value: btoa("v"),
  contentType: "text/plain",
  context: null,
};
const get: ClientRequest = { method: "get", key: "k" };

/** Sends requests at given times, and records the outcomes with their times. */
class RequestDriver implements Driver {
  readonly answers: { readonly at: number; readonly outcome: ClientOutcome }[] = [];

  constructor(
    private readonly requests: readonly {
      readonly atMs: number;
      readonly node: string;
      readonly request: ClientRequest;
    }[],
    private readonly faults: readonly Fault[] = [],
  ) {}

  begin(world: Simulation): void {
    for (const fault of this.faults) world.scheduleFault(fault);
    this.requests.forEach(({ atMs }, i) => world.wakeAt(atMs * MS, i));
  }

  woken(world: Simulation, token: number): void {
    const next = this.requests[token];
    if (next !== undefined) world.ask(world.indexOf(next.node), token, next.request);
  }

  answered(world: Simulation, _token: number, outcome: ClientOutcome): void {
    this.answers.push({ at: world.now, outcome });
  }

  clone(): RequestDriver {
    const copy = new RequestDriver(this.requests, this.faults);
    copy.answers.push(...this.answers);
    return copy;
  }
}

function play(
  requests: ConstructorParameters<typeof RequestDriver>[0],
  faults: readonly Fault[] = [],
  given: ScenarioInput = {},
  tracer: Tracer | null = null,
) {
  const driver = new RequestDriver(requests, faults);
  const scenario = parseScenario({ nodes: 3, ...given });
  const world = new Simulation({ ...worldOf(scenario), json: true, driver });
  world.tracer = tracer;
  world.runUntil(60_000 * MS);
  return { world, answers: driver.answers };
}

function statusOf({ outcome }: { readonly outcome: ClientOutcome }): string {
  return outcome.kind === "reply" ? outcome.reply.status : outcome.kind;
}

Deno.test("a node that is down refuses a request; one that goes down meanwhile resets the connection", () => {
  const crash: Fault = { kind: "crash", atMs: 10, node: "n1", downMs: 1_000 };
  const { answers, world } = play([
    { atMs: 9.9, node: "n1", request: put },
    { atMs: 20, node: "n1", request: put },
    { atMs: 2_000, node: "n1", request: put },
  ], [crash]);
  assert.deepEqual(answers.map(statusOf), ["reset", "refused", "written"]);
  assert.equal(world.machine(0).boot, 2, "it was started again");
});

Deno.test("a paused process answers in order after it resumes", () => {
  const { answers } = play(
    [1, 2, 3].map((atMs) => ({ atMs: 10 + atMs, node: "n1", request: get })),
    [{ kind: "pause", atMs: 10, forMs: 300, node: "n1" }],
  );
  assert.deepEqual(answers.map(statusOf), ["read", "read", "read"]);
  assert.ok(answers.every(({ at }) => at >= 310 * MS && at < 320 * MS));
});

Deno.test("a slow node handles one event after another, each with its delay", () => {
  const asks = [1, 2, 3, 4].map(() => ({ atMs: 100, node: "n1", request: { ...get, r: 1 } }));
  const alone = play(asks.slice(0, 1)).answers[0]?.at ?? 0;
  const slowed = play(asks, [{ kind: "slow-node", atMs: 0, forMs: 10_000, node: "n1", stepMs: 5 }]);
  const times = slowed.answers.map(({ at }) => at);
  assert.equal(times.length, 4);
  assert.ok((times[0] as number) > alone + 4 * MS);
  assert.ok(
    (times[3] as number) >= (times[0] as number) + 3 * 5 * MS - 1,
    "events are handled 5 ms apart",
  );
});

Deno.test("a message held by a partition arrives when it heals; a refused one fails at once", () => {
  const cut = (how: "hold" | "refuse" | "drop"): Fault => ({
    kind: "partition",
    atMs: 0,
    forMs: 700,
    groups: [["n1"], ["n2", "n3"]],
    how,
  });
  const ask = [{ atMs: 100, node: "n1", request: put }];
  const [held] = play(ask, [cut("hold")]).answers;
  assert.equal(held === undefined ? "" : statusOf(held), "written");
  assert.ok((held?.at ?? 0) >= 700 * MS);
  const [refused] = play(ask, [cut("refuse")]).answers;
  assert.equal(refused === undefined ? "" : statusOf(refused), "error");
  assert.ok((refused?.at ?? 0) < 200 * MS);
  const [dropped] = play(ask, [cut("drop")]).answers;
  assert.equal(dropped === undefined ? "" : statusOf(dropped), "error");
  assert.ok((dropped?.at ?? 0) >= 2_000 * MS, "it fails only at the timeout");
});

Deno.test("a full disk stores nothing but can be read; a wiped disk has another data id", () => {
  const { answers, world } = play([
    { atMs: 0, node: "n1", request: put },
    { atMs: 200, node: "n1", request: put },
    { atMs: 300, node: "n1", request: get },
  ], [
    { kind: "disk-full", atMs: 100, forMs: 1_000, node: "n1" },
    { kind: "wipe", atMs: 5_000, node: "n2", downMs: 100 },
  ]);
  assert.deepEqual(answers.map(statusOf), ["written", "error", "read"]);
  const [n1, n2] = world.machines;
  assert.ok(n1?.disk.peek("k"));
  assert.ok(n2?.disk.peek("k"), "it is filled again from the other replicas");
  assert.equal(n2?.disk.dataId, "d2");
});

Deno.test("a damaged record is reported as damaged, and replaced from other replicas", () => {
  const seen: string[] = [];
  const { answers, world } = play(
    [
      { atMs: 0, node: "n1", request: put },
      { atMs: 200, node: "n1", request: { ...get, r: 3 } },
      { atMs: 400, node: "n1", request: { ...get, r: 3 } },
    ],
    [{ kind: "disk-corrupt", atMs: 100, node: "n2", records: 1 }],
    {},
    {
      observed: (node, { type }) => seen.push(`${node} ${type}`),
    },
  );
  assert.deepEqual(answers.map(statusOf), ["written", "error", "read"]);
  assert.ok(seen.includes("n2 recovered"));
  assert.ok(world.machine(1).disk.peek("k"));
});

Deno.test("a clock that is set back by half a minute delays a timeout by at most that time", () => {
  for (const byMs of [-30_000, 30_000]) {
    const { answers } = play([{ atMs: 10, node: "n1", request: put }], [
      { kind: "clog", atMs: 0, forMs: 50_000, from: ["n1"] },
      { kind: "clock-jump", atMs: 500, node: "n1", byMs },
    ]);
    const [answer] = answers;
    assert.equal(answer === undefined ? "" : statusOf(answer), "error");
    assert.ok((answer?.at ?? 0) <= 33_000 * MS, `clock set by ${byMs} ms: ${answer?.at}`);
  }
});

Deno.test("a duplicated request is executed twice and answered once", () => {
  const steps: string[] = [];
  const { answers } = play(
    [{ atMs: 0, node: "n1", request: put }],
    [{ kind: "duplicate", atMs: 0, forMs: 1_000, probability: 1, withinMs: 20, legs: ["W"] }],
    {},
    {
      stepped: (node, event) => {
        if (event.kind === "peer") steps.push(`${node} ${event.request.method}`);
        else if (event.kind === "reply") steps.push(`${node} ${event.reply.status}`);
      },
    },
  );
  assert.deepEqual(answers.map(statusOf), ["written"]);
  assert.equal(steps.filter((step) => step === "n2 replica.put").length, 2);
  assert.equal(steps.filter((step) => step === "n1 stored").length, 2);
});

Deno.test("healing ends all active faults and cancels those to come", () => {
  const driver = new RequestDriver([], [
    { kind: "crash", atMs: 0, node: "n1", downMs: 1e6 },
    { kind: "pause", atMs: 0, forMs: 1e6, node: "n2" },
    { kind: "clog", atMs: 0, forMs: 1e6 },
    { kind: "crash", atMs: 1_000, node: "n3", downMs: 1e6 },
  ]);
  const world = new Simulation({
    ...worldOf(parseScenario({ nodes: 3 })),
    json: false,
    driver,
  });
  world.runUntil(10 * MS);
  assert.equal(world.faults.active.size, 3);
  assert.equal(world.machine(0).isUp, false);
  world.faults.heal(world);
  assert.equal(world.faults.active.size, 0);
  world.runUntil(5_000 * MS);
  assert.ok(world.machines.every((machine) => machine.isUp && !machine.isPaused));
});
