import assert from "node:assert/strict";
import { join } from "node:path";
import { withCluster } from "../../tests/live_cluster.ts";
import { freePorts } from "../process/ports.ts";
import { LaunchError } from "./launch_error.ts";
import { NodeChild } from "./node_process.ts";

const HOST = "127.0.0.1";

/** Starts a node beside a cluster of one node, calls `interfere`, and returns why the node did not start. */
async function failureAt(
  port: number,
  interfere: (child: NodeChild) => void = () => {},
): Promise<LaunchError> {
  let failure: unknown;
  await withCluster({ nodes: 1, config: { r: 1, w: 1 } }, async (cluster) => {
    const directory = join(cluster.dataDir, "other");
    Deno.mkdirSync(directory);
    const child = new NodeChild({
      id: "n1",
      url: `http://${HOST}:${port}`,
      directory,
      initialConfigFile: join(cluster.dataDir, "cluster.json"),
      secretFile: cluster.secretFile,
    }, () => {});
    interfere(child);
    failure = await child.ready.catch((error) => error);
    await child.exited;
  });
  assert.ok(failure instanceof LaunchError);
  return failure;
}

function freePort(): number {
  return freePorts(HOST, 1)[0] as number;
}

Deno.test("a node whose port is taken names the port, and says what to do", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const { port } = listener.addr;
  const { message, reason } = await failureAt(port);
  listener.close();
  assert.equal(reason, "port-taken");
  assert.equal(
    message,
    `Node n1 could not start: port ${port} is taken.\n` +
      "Stop the program that listens there, or choose another port.",
  );
});

Deno.test("a node killed by the system is reported differently from one killed by the launcher", async () => {
  const system = await failureAt(freePort(), ({ pid }) => Deno.kill(pid, "SIGKILL"));
  assert.equal(system.reason, "out-of-memory");
  assert.match(system.message, /^Node n1 could not start: the system killed it \(SIGKILL\), most/);
  const launcher = await failureAt(freePort(), (child) => child.send("SIGKILL"));
  assert.equal(launcher.reason, null);
  assert.equal(launcher.message, "Node n1 was stopped before it served");
});
