/** How the client of a scenario reports a connection that breaks or is refused. */
import { deepEqual } from "node:assert/strict";
import { parseDistribution } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { BreakingNode } from "../../tests/breaking_node.ts";
import { LinkFaults } from "../faults/link_faults.ts";
import { RestSender, type TargetProcess } from "./requests.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const PATIENCE_MS = 20_000;

/** Answers the first request on a connection, and dies after reading the second. */
class DyingNode {
  readonly received: string[] = [];
  private readonly listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly url = `http://127.0.0.1:${this.listener.addr.port}`;
  readonly ended = this.serve();

  private async serve(): Promise<void> {
    const connection = await this.listener.accept();
    await this.read(connection);
    await connection.write(new TextEncoder().encode(OK));
    await this.read(connection);
    this.listener.close();
    connection.close();
  }

  private async read(connection: Deno.Conn): Promise<void> {
    const bytes = new Uint8Array(10_000);
    const length = await connection.read(bytes);
    const text = new TextDecoder().decode(bytes.subarray(0, length ?? 0));
    this.received.push(text.split(" ")[0] ?? "");
  }
}

function senderOf(processOf: () => TargetProcess): RestSender {
  const random = SeededRandom.from(1);
  return new RestSender(processOf, new LinkFaults(random), parseDistribution("0"), random);
}

const PUT = { kind: "put", key: "k", node: "n1", options: {}, value: new Uint8Array([1]) } as const;
const GET = { kind: "get", key: "k", node: "n1", options: {} } as const;

Deno.test("scenario: a write whose connection broke may have arrived, even if the node is gone now", async () => {
  const node = new DyingNode();
  let pid: number | null = 7;
  const exit = { pid: 7, code: 137, signal: "SIGKILL", stderrTail: "" } as const;
  const sender = senderOf(() => ({ url: node.url, pid, exit: pid === null ? exit : null }));
  deepEqual((await sender.send(GET, PATIENCE_MS)).kind, "answer");
  deepEqual((await sender.send(PUT, PATIENCE_MS)).kind, "reset");
  await node.ended;
  deepEqual(node.received, ["GET", "PUT"]);
  pid = null;
  deepEqual(
    (await sender.send(PUT, PATIENCE_MS)).kind,
    "refused",
    "the node was down all the time",
  );
});

Deno.test("scenario: a process that started and ended meanwhile may have received the write", async () => {
  const exitOf = (pid: number) => ({ pid, code: 137, signal: "SIGKILL", stderrTail: "" });
  const node = new DyingNode();
  let looks = 0;
  const sender = senderOf(() => ({
    url: node.url,
    pid: null,
    exit: exitOf(looks++ === 0 ? 7 : 8),
  }));
  await (await fetch(node.url)).text();
  deepEqual((await sender.send(PUT, PATIENCE_MS)).kind, "reset");
  await node.ended;
});

Deno.test("scenario: a write whose connection breaks is sent once", async () => {
  await using node = new BreakingNode({});
  const sender = senderOf(() => ({ url: node.url, pid: 7, exit: null }));
  deepEqual((await sender.send(GET, PATIENCE_MS)).kind, "answer");
  deepEqual((await sender.send(PUT, PATIENCE_MS)).kind, "reset");
  deepEqual(node.received, ["GET", "PUT"]);
});
