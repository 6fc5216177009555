/** One node as a real process: how it starts, what it says when it cannot, and how it ends. */
import { deepEqual, equal, match } from "node:assert/strict";
import { MEMBERSHIP } from "../host/host.ts";
import { openStorage } from "../storage/open_storage.ts";
import { refusal, start, withDirectory } from "./node_under_test.ts";

async function put(url: string, value: string): Promise<void> {
  const response = await fetch(`${url}/kv/k`, { method: "PUT", body: value });
  equal(response.status, 200);
  await response.body?.cancel();
}

async function get(url: string): Promise<string> {
  return await (await fetch(`${url}/kv/k`)).text();
}

async function statusOf(url: string): Promise<Record<string, unknown>> {
  return await (await fetch(`${url}/status`)).json();
}

Deno.test("a lone node serves, ends with SIGTERM, and finds its data again", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--id", "solo", "--port", "0"]);
    equal(first.ready.ready, true);
    equal(first.ready.id, "solo");
    equal(first.ready.pid, first.child.pid);
    await put(first.ready.url, "kept");
    const before = await statusOf(first.ready.url);
    equal(await first.end("SIGTERM"), 0);

    const second = await start(directory, ["--id", "solo", "--port", "0"]);
    equal(await get(second.ready.url), "kept");
    const after = await statusOf(second.ready.url);
    equal(after["dataId"], before["dataId"]);
    equal(after["incarnation"], before["incarnation"] as number + 1);
    equal(await second.end("SIGINT"), 0);
  });
});

Deno.test("a child leaves Ctrl-C to its parent and ends when the parent's pipe closes", async () => {
  await withDirectory(async (directory) => {
    const child = await start(directory, ["--child", "--port", "0"]);
    child.child.kill("SIGINT");
    await put(child.ready.url, "still here");
    equal(await get(child.ready.url), "still here");
    equal(await child.end(null), 0);
  });
});

Deno.test("what is acknowledged survives SIGKILL", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0"]);
    await put(first.ready.url, "acknowledged");
    await first.end("SIGKILL");
    const second = await start(directory, ["--port", "0"]);
    equal(await get(second.ready.url), "acknowledged");
    await second.end("SIGTERM");
  });
});

Deno.test("a taken port is named, and the exit code is 2", async () => {
  await withDirectory(async (directory) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const { code, said } = await refusal(directory, ["--port", `${port}`]);
    listener.close();
    equal(code, 2);
    match(said, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken`));
  });
});

Deno.test("data founded otherwise is not served", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0", "--mode", "dvv"]);
    await first.end("SIGTERM");
    const { code, said } = await refusal(directory, ["--port", "0", "--mode", "lww"]);
    equal(code, 2);
    match(said, /mode is 'dvv' in the store, given is 'lww'/);
    const other = await refusal(directory, ["--port", "0", "--id", "n7"]);
    match(other.said, /id is 'n1' in the store, given is 'n7'/);
    // What may change, may.
    const again = await start(directory, ["--port", "0", "--timeout-ms", "777"]);
    const { config } = await statusOf(again.ready.url);
    equal((config as { timeoutMs: number }).timeoutMs, 777);
    await again.end("SIGTERM");
  });
});

Deno.test("a node beyond loopback needs a secret", async () => {
  await withDirectory(async (directory) => {
    const { code, said } = await refusal(directory, ["--host", "0.0.0.0", "--port", "0"]);
    equal(code, 2);
    match(said, /without a secret/);
  });
});

Deno.test("a second node on the same data is refused", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0"]);
    const { code, said } = await refusal(directory, ["--port", "0"]);
    equal(code, 2);
    match(said, /Another process/);
    await first.end("SIGTERM");
  });
});

Deno.test("wrong flags are told, with what is allowed", async () => {
  await withDirectory(async (directory) => {
    for (
      const [args, told] of [
        [["--port", "70000"], /--port must be a whole number from 0 to 65535/],
        [["--latency", "slow"], /--latency: .*unknown name 'slow'/],
        [["--nodes", "3"], /Unknown option '--nodes'/],
        [["--join", "n1"], /--join must be a URL/],
        [["--weight", "2"], /--weight is for a node that joins: it needs --join/],
        [["--join", "http://127.0.0.1:9", "--weight", "0"], /--weight must be a number above 0/],
      ] as const
    ) {
      const { code, said } = await refusal(directory, args);
      deepEqual([code, told.test(said)], [2, true], said);
    }
  });
});

Deno.test("data whose membership is damaged is not served", async () => {
  await withDirectory(async (directory) => {
    const store = await openStorage({ location: `${directory}/node.sqlite3` });
    await store.writeMeta(MEMBERSHIP, { state: { members: [], tokens: [], registers: [] } });
    await store.close();
    const { code, said } = await refusal(directory, ["--port", "0"]);
    equal(code, 2);
    match(said, /the membership in it is damaged: a membership's marks must be a list/);
  });
});
