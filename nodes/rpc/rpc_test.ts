/** The RPC client and the RPC server together, over real sockets. */
import { deepEqual, equal, match } from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import type { Boot } from "../../lib/dynamo/types/boot.ts";
import { clusterConfig } from "../../lib/dynamo/types/config.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { BearerCheck } from "../process/secret.ts";
import { RpcClient } from "./client.ts";
import { envelopeOf } from "./messages.ts";
import type { CallAnswer } from "./peer_caller.ts";
import { RpcServer } from "./server.ts";

const SECRET = "a-secret-of-tests";

function initialConfigAt(url: string, cluster = "tests"): InitialClusterConfig {
  const members = [
    { id: "n1", url: "http://127.0.0.1:1", weight: 1 },
    { id: "n2", url, weight: 1 },
  ];
  const config = clusterConfig({ cluster, n: 2 });
  return { config, members, ring: makeInitialRing(members, config, SeededRandom.from(1)) };
}

function bootOf(self: string): Boot {
  return { self, dataId: "data", incarnation: 1, hints: [] };
}

function memberOf({ members }: InitialClusterConfig) {
  return (id: string) => members.find((member) => member.id === id) ?? null;
}

type Handler = (request: PeerRequest, answer: (reply: PeerReply) => void) => void;

interface Pair {
  readonly client: RpcClient;
  /** When HTTP requests arrived, ms. */
  readonly requests: number[];
  ask(request: PeerRequest, timeoutMs?: number): Promise<CallAnswer>;
}

interface PairOptions {
  readonly clientSecret?: string;
  readonly serverCluster?: string;
  readonly serverId?: string;
}

/** Runs `use` with a client n1 and a server n2 whose replica is `handler`. */
async function withPair(
  handler: Handler,
  use: (pair: Pair) => Promise<void>,
  options: PairOptions = {},
): Promise<void> {
  const bearer = new BearerCheck(SECRET);
  const requests: number[] = [];
  // The initial configuration contains the server's port, so the server must listen before it is made.
  const servers: RpcServer[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    requests.push(performance.now());
    if (!bearer.passes(request.headers.get("authorization"))) {
      return new Response('{"detail":"no secret"}', { status: 401 });
    }
    return (servers[0] as RpcServer).handle(request);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const serverInitialConfig = initialConfigAt(url, options.serverCluster);
  servers.push(
    new RpcServer(
      serverInitialConfig,
      envelopeOf(serverInitialConfig, bootOf(options.serverId ?? "n2")),
      (_from, request, answer) => handler(request, answer),
    ),
  );
  const initialConfig = initialConfigAt(url);
  const client = new RpcClient({
    initialConfig,
    memberOf: memberOf(initialConfig),
    boot: bootOf("n1"),
    secret: options.clientSecret ?? SECRET,
  });
  try {
    await use({
      client,
      requests,
      ask: (request, timeoutMs = 2_000) =>
        new Promise((resolve) => client.call("n2", request, timeoutMs, resolve)),
    });
  } finally {
    client.close();
    await server.shutdown();
  }
}

const get = (key: string): PeerRequest => ({ method: "replica.get", key });
const stored: Handler = (_request, answer) => answer({ status: "stored" });
const SIBLINGS = [{
  value: "aGk=",
  contentType: "text/plain",
  dot: ["n1/a/1.1", 2],
  clock: [["n1/a/1.1", 1], ["n2/b/1.1", 4]],
  stampUs: 17,
}] as const;

Deno.test("a call arrives unchanged, and so does its answer", async () => {
  const seen: PeerRequest[] = [];
  const put: PeerRequest = {
    method: "replica.put",
    key: 'schlüssel "1"',
    siblings: SIBLINGS,
    purpose: "replicate",
  };
  const answers: Handler = (request, answer) => {
    seen.push(request);
    answer(
      request.method === "replica.get"
        ? { status: "record", siblings: SIBLINGS }
        : { status: "stored" },
    );
  };
  await withPair(answers, async ({ ask }) => {
    const first = await ask(put);
    equal(first.kind === "reply" && first.reply.status, "stored");
    const second = await ask(get("k"));
    deepEqual(
      second.kind === "reply" && second.reply.status === "record" && second.reply.siblings,
      SIBLINGS,
    );
  });
  deepEqual(seen, [put, get("k")]);
});

Deno.test("calls of one turn of the event loop are sent in one piece, on one stream", async () => {
  await withPair(stored, async ({ ask, client, requests }) => {
    await ask(get("to open the session"));
    const before = client.counters.pieces;
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(get(`k${i}`))));
    equal(answers.every((answer) => answer.kind === "reply"), true);
    deepEqual(client.counters, { calls: 51, pieces: before + 1, sessions: 1 });
    equal(requests.length, 1);
  });
});

Deno.test("large records are sent in both directions at the same time", async () => {
  const value = "QUJD".repeat(1_000_000);
  const large = [{ ...SIBLINGS[0], value }];
  const answers: Handler = (request, answer) =>
    answer(
      request.method === "replica.get"
        ? { status: "record", siblings: large }
        : { status: "stored" },
    );
  await withPair(answers, async ({ ask }) => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) =>
      ask(
        i % 2 === 0
          ? get(`k${i}`)
          : { method: "replica.put", key: `k${i}`, siblings: large, purpose: "replicate" },
        20_000,
      )));
    for (const answer of all) {
      equal(answer.kind, "reply");
      const { reply } = answer as CallAnswer & { kind: "reply" };
      if (reply.status === "record") equal(reply.siblings[0]?.value?.length, value.length);
    }
  });
});

Deno.test("a slow call does not delay others that were sent with it", async () => {
  let release: () => void = () => {};
  const slow: Handler = (request, answer) => {
    if (request.method === "replica.get" && request.key === "slow") {
      release = () => answer({ status: "stored" });
    } else answer({ status: "stored" });
  };
  await withPair(slow, async ({ ask }) => {
    await ask(get("to open the session"));
    const ended: string[] = [];
    const track = (key: string) => ask(get(key)).then(() => ended.push(key));
    const first = track("a");
    const late = track("slow");
    await Promise.all([first, track("b"), track("c")]);
    equal(ended.includes("slow"), false);
    release();
    await late;
    deepEqual(ended.toSorted(), ["a", "b", "c", "slow"]);
  });
});

Deno.test("an error of the core arrives with all its fields", async () => {
  const error = {
    code: "hints-full",
    message: "full",
    definite: true,
    needed: 2,
    got: 1,
  } as const;
  await withPair((_request, answer) => answer({ status: "error", error }), async ({ ask }) => {
    deepEqual(await ask(get("k")), { kind: "reply", reply: { status: "error", error } });
  });
});

Deno.test("a call is undelivered if the connection is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const initialConfig = initialConfigAt(`http://127.0.0.1:${port}`);
  const client = new RpcClient({
    initialConfig,
    memberOf: memberOf(initialConfig),
    boot: bootOf("n1"),
    secret: SECRET,
  });
  const answer = await new Promise<CallAnswer>((resolve) => {
    client.call("n2", get("k"), 1_000, resolve);
  });
  deepEqual(answer, { kind: "failed", reason: "connection refused", undelivered: true });
  client.close();
});

Deno.test("a call is undelivered if the peer accepts connections but never answers", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const silent: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) silent.push(conn);
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const initialConfig = initialConfigAt(`http://127.0.0.1:${port}`);
  const client = new RpcClient({
    initialConfig,
    memberOf: memberOf(initialConfig),
    boot: bootOf("n1"),
    secret: SECRET,
  });
  const answer = await new Promise<CallAnswer>((resolve) => {
    client.call("n2", get("k"), 150, resolve);
  });
  equal(answer.kind === "failed" && answer.undelivered, true);
  client.close();
  listener.close();
  for (const conn of silent) conn.close();
  await accepting;
});

Deno.test("the outcome of a call that arrived but is never answered is unknown", async () => {
  const never: Handler = () => {};
  await withPair(never, async ({ ask }) => {
    const answer = await ask(get("k"), 150);
    equal(answer.kind === "failed" && !answer.undelivered, true);
  });
});

Deno.test("an answer of another node at the peer's address is refused", async () => {
  await withPair(stored, async ({ ask }) => {
    const answer = await ask(get("k"));
    match(answer.kind === "failed" ? answer.reason : "", /this is node 'n9': .* for 'n2'/);
    equal(answer.kind === "failed" && answer.undelivered, true);
  }, { serverId: "n9" });
});

Deno.test("a node of another cluster at the peer's address refuses the call and does nothing", async () => {
  let asked = 0;
  await withPair(() => asked++, async ({ ask }) => {
    const answer = await ask(get("k"));
    match(answer.kind === "failed" ? answer.reason : "", /cluster must be 'others': it is 'tests'/);
    equal(answer.kind === "failed" && answer.undelivered, true);
  }, { serverCluster: "others" });
  equal(asked, 0);
});

Deno.test("a wrong secret is refused before any call is processed", async () => {
  await withPair(stored, async ({ ask }) => {
    deepEqual(await ask(get("k")), {
      kind: "failed",
      reason: "HTTP 401 no secret",
      undelivered: true,
    });
  }, { clientSecret: "another-secret" });
});
