import assert from "node:assert/strict";
import { EventSplitter } from "../../../(_server)/clusters/node_stream.ts";
import { dashboardFixture } from "../../../../tests/dashboard_fixture.ts";

/** Reads events from a stream, one at a time. */
function reader(response: Response) {
  const source = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  const events: { event: string; data: unknown }[] = [];
  const splitter = new EventSplitter((event, data) =>
    events.push({ event, data: JSON.parse(data) })
  );
  const next = async () => {
    while (events.length === 0) {
      const { value, done } = await source.read();
      if (done) return null;
      splitter.push(decoder.decode(value, { stream: true }));
    }
    return events.shift() ?? null;
  };
  return {
    /** The data of the next event with this name; null at the end of the stream. */
    async until(name: string) {
      for (let event = await next(); event !== null; event = await next()) {
        if (event.event === name) return event.data;
      }
      return null;
    },
    cancel: () => source.cancel(),
  };
}

/** A node's `/events` whose events the test sends. It ends when its reader disconnects. */
function nodeEvents(signal: AbortSignal) {
  let control: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void (control = controller),
  });
  signal.addEventListener("abort", () => control.error(signal.reason));
  return {
    response: new Response(body, { headers: { "Content-Type": "text/event-stream" } }),
    send: (text: string) => control.enqueue(new TextEncoder().encode(text)),
  };
}

Deno.test("the stream reports the cluster, its nodes, protocol events, loads and the end", async () => {
  const { post, ask, nodes, launched } = dashboardFixture();
  await post("/api/clusters", { name: "a", nodes: 1, config: { r: 1, w: 1 } });
  const opened = Promise.withResolvers<ReturnType<typeof nodeEvents>>();
  nodes.answer = (request) => {
    const stream = nodeEvents(request.signal);
    opened.resolve(stream);
    return stream.response;
  };
  const response = await ask("/api/clusters/a/events");
  assert.equal(response.headers.get("Content-Type"), "text/event-stream");
  const live = reader(response);
  const first = await live.until("cluster") as { id: string; ring: unknown };
  assert.equal(first.id, "a");
  assert.ok(first.ring);
  const states = await live.until("nodes") as { status: { keys: number } }[];
  assert.equal(states[0]?.status.keys, 7);

  const stream = await opened.promise;
  stream.send("event: siblings\nda");
  stream.send('ta: {"type":"siblings","key":"k","count":2,"node":"n1","at":1}\n\n: ping\n\n');
  assert.deepEqual(await live.until("protocol"), {
    type: "siblings",
    key: "k",
    count: 2,
    node: "n1",
    at: 1,
  });

  await launched[0]?.pause("n1");
  const paused = await live.until("nodes") as { state: string }[];
  assert.equal(paused[0]?.state, "paused");

  await post("/api/clusters/a/load", { operation: "get", count: 5 });
  const load = await live.until("load") as { run: number };
  assert.equal(load.run, 1);

  await ask("/api/clusters/a", { method: "DELETE" });
  assert.deepEqual(await live.until("ended"), {});
  assert.equal(await live.until("anything"), null);
});

Deno.test("too many protocol events are dropped, and the dropped ones are counted", async () => {
  const { post, ask, nodes } = dashboardFixture();
  await post("/api/clusters", { name: "a", nodes: 1, config: { r: 1, w: 1 } });
  const opened = Promise.withResolvers<ReturnType<typeof nodeEvents>>();
  nodes.answer = (request) => {
    const stream = nodeEvents(request.signal);
    opened.resolve(stream);
    return stream.response;
  };
  const live = reader(await ask("/api/clusters/a/events"));
  await live.until("nodes");
  const line = 'event: forward\ndata: {"type":"forward","key":"k","to":"n2"}\n\n';
  // Events that the node itself dropped count too.
  const lost = 'event: dropped\ndata: {"node":"n1","at":1,"count":5000}\n\n';
  (await opened.promise).send(line.repeat(2_000) + lost);
  const dropped = await live.until("dropped") as { count: number };
  assert.ok(dropped.count >= 6_000 && dropped.count < 7_000, `dropped ${dropped.count}`);
  await live.cancel();
  await ask("/api/clusters/a", { method: "DELETE" });
});

Deno.test("nodes are polled only while there are subscribers", async () => {
  const { post, ask, nodes, registry } = dashboardFixture();
  await post("/api/clusters", { name: "a", nodes: 2 });
  assert.equal(nodes.asked.length, 0);
  const live = reader(await ask("/api/clusters/a/events"));
  await live.until("nodes");
  assert.ok(nodes.asked.some((asked) => asked.endsWith("/events")));
  await live.cancel();
  await registry.close();
});

Deno.test("events are complete whatever the size of the chunks", () => {
  const text = "event: a\ndata: 1\n\n: comment\n\ndata: x\ndata: y\n\nevent: b\ndata:2\n\n";
  for (let size = 1; size <= text.length; size++) {
    const seen: string[] = [];
    const splitter = new EventSplitter((event, data) => seen.push(`${event}=${data}`));
    for (let i = 0; i < text.length; i += size) splitter.push(text.slice(i, i + size));
    assert.deepEqual(seen, ["a=1", "message=x\ny", "b=2"]);
  }
});
