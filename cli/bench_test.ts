/** The parts of the benchmark, and a short run of all of it. */
import assert from "node:assert/strict";
import { HttpConnection, httpRequest } from "./bench/http_connection.ts";
import { type BenchLoad, runBenchLoad } from "./bench/load.ts";
import { busyMsIn, cpuMsIn, residentBytesIn, usageOf } from "./bench/process_usage.ts";

async function withServer(
  handle: (request: Request) => Response | Promise<Response>,
  test: (host: string) => Promise<void>,
) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handle);
  try {
    await test(`127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

Deno.test("a connection reads answers with any framing, one after the other", async () => {
  const chunked = () =>
    new ReadableStream({
      start(controller) {
        for (const part of ["ab", "cd"]) controller.enqueue(new TextEncoder().encode(part));
        controller.close();
      },
    });
  const handle = async (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/chunked") return new Response(chunked());
    if (pathname === "/empty") return new Response(null, { status: 204 });
    if (pathname === "/large") return new Response("x".repeat(100_000));
    return new Response(await request.text(), { status: 503 });
  };
  await withServer(handle, async (host) => {
    const { hostname, port } = new URL(`http://${host}`);
    const connection = await HttpConnection.open(hostname, Number(port));
    const ask = (path: string) => connection.exchange(httpRequest("GET", path, host));
    assert.deepEqual(await ask("/large"), { status: 200, length: 100_000 });
    assert.equal((await ask("/empty")).status, 204);
    assert.equal((await ask("/chunked")).status, 200);
    assert.match(connection.body(), /ab[^]*cd/);
    const body = { contentType: "text/plain", text: "hello" };
    const echoed = await connection.exchange(httpRequest("PUT", "/", host, body));
    assert.deepEqual(echoed, { status: 503, length: 5 });
    assert.equal(connection.body(), "hello");
    connection.close();
  });
});

const load = (host: string, given: Partial<BenchLoad>): BenchLoad => ({
  dialect: "dynamo",
  operation: "put",
  hosts: [host],
  clients: 3,
  prefix: "p-",
  keys: 10,
  firstKey: 1,
  stride: 2,
  valueBytes: 100,
  durationMs: 60_000,
  seed: "s",
  ...given,
});

Deno.test("a load writes its own new keys and reads existing ones, in both dialects", async () => {
  const seen: string[] = [];
  const handle = async (request: Request) => {
    const body = await request.text();
    seen.push(`${request.method} ${new URL(request.url).pathname} ${body.length}`);
    return Response.json({ kvs: [] });
  };
  await withServer(handle, async (host) => {
    const puts = await runBenchLoad(load(host, { countMost: 7 }));
    assert.deepEqual([puts.ok, puts.failed], [7, 0]);
    assert.equal(puts.latencies.count, 7);
    const keys = Array.from({ length: 7 }, (_, i) => `PUT /kv/p-${1 + 2 * i} 100`);
    assert.deepEqual(seen.splice(0).sort(), keys.sort());

    await runBenchLoad(load(host, { operation: "get", countMost: 50 }));
    for (const line of seen.splice(0)) assert.match(line, /^GET \/kv\/p-[0-9] 0$/);

    const etcd = await runBenchLoad(
      load(host, { dialect: "etcd", operation: "get", countMost: 5 }),
    );
    assert.equal(etcd.ok, 5);
    for (const line of seen.splice(0)) assert.match(line, /^POST \/v3\/kv\/range \d+$/);
  });
});

Deno.test("a load counts failures separately and reports the first one", async () => {
  await withServer(() => new Response("no room", { status: 503 }), async (host) => {
    const { ok, failed, failure, latencies } = await runBenchLoad(load(host, { countMost: 4 }));
    assert.deepEqual([ok, failed, failure, latencies.count], [0, 4, "503 no room", 0]);
  });
  await withServer(() => Response.json({ header: {} }), async (host) => {
    const absent = await runBenchLoad(
      load(host, { dialect: "etcd", operation: "get", countMost: 4 }),
    );
    assert.equal(absent.failed, 4, "a get that finds nothing is no success");
  });
});

Deno.test("processor time and memory are read from /proc", async () => {
  assert.equal(cpuMsIn("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9"), 3_000);
  assert.equal(residentBytesIn("Name:\tx\nVmPeak:\t  9 kB\nVmRSS:\t  2048 kB\n"), 2_097_152);
  assert.equal(busyMsIn("cpu  100 20 30 9999 88 1 2 3 0 0\ncpu0 50 1 1\n"), 1_560);
  const own = await usageOf(Deno.pid);
  if (Deno.build.os === "linux") {
    assert.ok(own !== null && own.cpuMs > 0 && own.residentBytes > 1_000_000);
  } else assert.equal(own, null);
});

Deno.test("bench --json: reports every load, and nothing failed", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      new URL("./bench.ts", import.meta.url).pathname,
      "--json",
      "--clients",
      "1,4",
      "--seconds",
      "1",
      "--rounds",
      "1",
      "--keys",
      "50",
      "--no-etcd",
      "--workers",
      "2",
      "--trials",
      "20000",
    ],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, text(stderr));
  const { store, ratios, models, parameters } = JSON.parse(text(stdout));
  const loads = store.map((row: Record<string, unknown>) => `${row.operation} ${row.clients}`);
  assert.deepEqual(loads, ["put 1", "get 1", "put 4", "get 4"]);
  for (const row of store) {
    assert.ok(row.ok > 0 && row.failed === 0 && row.opsPerSecond > 0 && row.p50Ms <= row.p999Ms);
    if (Deno.build.os === "linux") assert.equal(row.nodeCpu.length, 3);
  }
  assert.deepEqual(ratios, []);
  assert.equal(parameters.valueBytes, 100);
  for (const row of models) assert.ok(row.trialsPerSecond > 0);
});
