import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { among, latest, uniform } from "./keys.ts";
import { poissonArrivals } from "./load.ts";
import { type Operation, ycsb } from "./mixes.ts";
import type { Progress, RequestOutcome } from "./tally.ts";
import { type Clock, runLoad, type WallClockLoadOptions } from "./wall_clock_load.ts";

/** A clock whose sleeps take exactly the given time, in order, and no real time. */
class FakeClock implements Clock {
  private at = 0;
  private sleepers: { readonly due: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.at;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.sleepers.push({ due: this.at + ms, wake });
      this.sleepers.sort((a, b) => a.due - b.due);
    });
  }

  /** Advances time until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    const done = { yet: false };
    void work.finally(() => done.yet = true).catch(() => {});
    while (!done.yet) {
      // After a macrotask, everything that does not wait for time has happened.
      await new Promise((resolve) => setTimeout(resolve, 0));
      const next = this.sleepers.shift();
      if (next === undefined) continue;
      this.at = next.due;
      next.wake();
    }
    return work;
  }
}

function options(given: Partial<WallClockLoadOptions>): WallClockLoadOptions {
  return {
    mix: [{ operation: "get", share: 1 }],
    arrivals: { kind: "closed", concurrency: 4 },
    count: 40,
    keys: uniform(10),
    valueBytes: 8,
    send: () => Promise.resolve("ok"),
    random: SeededRandom.from(1),
    ...given,
  };
}

Deno.test("closed loop: k operations at once, latencies and rate of a store that takes 10 ms", async () => {
  const clock = new FakeClock();
  let inFlight = 0;
  let most = 0;
  const result = await clock.run(runLoad(options({
    clock,
    send: async () => {
      most = Math.max(most, ++inFlight);
      await clock.sleep(10);
      inFlight--;
      return "ok";
    },
  })));
  assert.equal(most, 4);
  const [gets] = result.operations;
  assert.equal(gets?.attempted, 40);
  assert.equal(gets?.meanMs, 10);
  assert.equal(gets?.sdMs, 0);
  assert.equal(gets?.p999Ms, 10);
  assert.equal(result.elapsedMs, 100);
  assert.equal(gets?.opsPerSecond, 400);
  assert.equal(result.isStopped, false);
});

Deno.test("closed loop: clients think between an answer and the next operation", async () => {
  const clock = new FakeClock();
  const result = await clock.run(runLoad(options({
    clock,
    arrivals: { kind: "closed", concurrency: 2, thinkMs: () => 30 },
    count: 6,
    send: async () => {
      await clock.sleep(10);
      return "ok";
    },
  })));
  assert.equal(result.operations[0]?.meanMs, 10, "thinking is no part of a latency");
  // Three operations of each client, with two pauses in between.
  assert.equal(result.elapsedMs, 90);
});

Deno.test("outcomes are counted separately, and only successes have latencies", async () => {
  const outcomes: RequestOutcome[] = ["ok", "failed", "ok", "indeterminate", "ok", "ok"];
  let next = 0;
  const { operations: [puts] } = await runLoad(options({
    mix: [{ operation: "put", share: 1 }],
    count: 12,
    valueBytes: 100,
    send: (operation, _, value) => {
      assert.equal(operation, "put");
      assert.equal(value.length, 100);
      return Promise.resolve(outcomes[next++ % outcomes.length] as RequestOutcome);
    },
  }));
  assert.ok(puts !== undefined);
  const { attempted, ok, failed, indeterminate } = puts;
  assert.deepEqual({ attempted, ok, failed, indeterminate }, {
    attempted: 12,
    ok: 8,
    failed: 2,
    indeterminate: 2,
  });
  assert.equal(puts.histogram.reduce((sum, bucket) => sum + bucket.count, 0), 8);
});

Deno.test("open loop: a stall is charged to every operation it delayed", async () => {
  const clock = new FakeClock();
  let stalled = 0;
  const result = await clock.run(runLoad(options({
    clock,
    count: 100,
    arrivals: { kind: "open", ratePerSecond: 100, inFlightMax: 1 },
    send: async () => {
      await clock.sleep(stalled++ === 0 ? 1_000 : 1);
      return "ok";
    },
  })));
  const [gets] = result.operations;
  // The first takes a second. About a hundred arrive meanwhile and wait for half a second on
  // average.
  assert.ok((gets?.p50Ms ?? 0) > 300, `p50 ${gets?.p50Ms}`);
  assert.equal(gets?.ok, 100);
});

Deno.test("Poisson arrivals: the gaps have the mean and deviation of an exponential", () => {
  const gaps: number[] = [];
  let last = 0;
  for (const at of poissonArrivals(200, SeededRandom.from("arrivals"))) {
    gaps.push(at - last);
    last = at;
    if (gaps.length === 20_000) break;
  }
  const mean = last / gaps.length;
  const sd = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length);
  assert.ok(Math.abs(mean - 5) < 0.15, `mean ${mean}`);
  assert.ok(Math.abs(sd - 5) < 0.3, `sd ${sd}`);
});

Deno.test("a mix has its shares, inserts name new keys, and a seed repeats the requests", async () => {
  const requests = async () => {
    const seen: [Operation, string][] = [];
    const result = await runLoad(options({
      ...ycsb("d"),
      keys: latest(100),
      count: 4_000,
      send: (operation, key) => {
        seen.push([operation, key]);
        return Promise.resolve("ok");
      },
    }));
    return { seen, result };
  };
  const { seen, result } = await requests();
  const inserts = seen.filter(([operation]) => operation === "insert");
  assert.ok(Math.abs(inserts.length - 200) < 60, `${inserts.length} inserts`);
  assert.deepEqual(inserts.map(([, key]) => key), inserts.map((_, i) => `key-${100 + i}`));
  assert.deepEqual(result.operations.map((each) => each.operation), ["get", "insert"]);
  assert.deepEqual((await requests()).seen, seen);
});

Deno.test("warm-up is sent but not measured", async () => {
  let sent = 0;
  const result = await runLoad(options({
    warmUp: 10,
    count: 5,
    send: () => {
      sent++;
      return Promise.resolve(sent > 10 ? "ok" : "failed");
    },
  }));
  assert.equal(sent, 15);
  assert.equal(result.operations[0]?.ok, 5);
  assert.equal(result.operations[0]?.failed, 0);
});

Deno.test("a signal stops a load and keeps its results; progress is reported", async () => {
  const stop = new AbortController();
  const told: Progress[] = [];
  let sent = 0;
  const result = await runLoad(options({
    count: 1_000,
    signal: stop.signal,
    onProgress: (progress) => told.push(progress),
    send: () => {
      if (++sent === 20) stop.abort();
      return Promise.resolve("ok");
    },
  }));
  assert.equal(result.isStopped, true);
  assert.ok((result.operations[0]?.ok ?? 0) >= 20 && (result.operations[0]?.ok ?? 0) < 30);
  assert.equal(told.at(-1)?.attempted, result.operations[0]?.ok);
  assert.equal(told.at(-1)?.count, 1_000);
});

Deno.test("durationMs ends a load", async () => {
  const clock = new FakeClock();
  const result = await clock.run(runLoad(options({
    clock,
    count: 1_000,
    durationMs: 95,
    send: async () => {
      await clock.sleep(10);
      return "ok";
    },
  })));
  assert.equal(result.operations[0]?.ok, 40);
  assert.equal(result.isStopped, true);
});

Deno.test("a send that rejects ends the load with its error, in both loops", async () => {
  for (
    const arrivals of [
      { kind: "closed", concurrency: 2 },
      { kind: "open", ratePerSecond: 1e6 },
    ] as const
  ) {
    await assert.rejects(
      runLoad(options({ arrivals, send: () => Promise.reject(new Error("no such room")) })),
      /no such room/,
    );
  }
});

Deno.test("options out of range are rejected with what is allowed", async () => {
  const refused = (given: Partial<WallClockLoadOptions>) => runLoad(options(given));
  await assert.rejects(
    refused({ arrivals: { kind: "closed", concurrency: 0 } }),
    /concurrency must be a whole number from 1 to 10000: it is 0/,
  );
  await assert.rejects(refused({ count: 1.5 }), /count must be a whole number .*: it is 1.5/);
  await assert.rejects(
    refused({ arrivals: { kind: "open", ratePerSecond: 0 } }),
    /ratePerSecond must be above 0: it is 0/,
  );
  await assert.rejects(refused({ mix: [] }), /at least one above 0/);
  await assert.rejects(
    refused({ mix: [{ operation: "insert", share: 1 }], keys: among(["a"]) }),
    /keys must be able to grow/,
  );
  assert.throws(() => ycsb("E"), /YCSB mix must be one of A, B, C, D, F: it is 'E'/);
});
