/** One node as a real process: start, messages of a failed start, and end. */
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

Deno.test("a single node serves, ends on SIGTERM, and has its data after a restart", async () => {
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

Deno.test("a node with --child ignores Ctrl-C and ends when its standard input closes", async () => {
  await withDirectory(async (directory) => {
    const child = await start(directory, ["--child", "--port", "0"]);
    child.child.kill("SIGINT");
    await put(child.ready.url, "still here");
    equal(await get(child.ready.url), "still here");
    equal(await child.end(null), 0);
  });
});

Deno.test("acknowledged writes survive SIGKILL", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0"]);
    await put(first.ready.url, "acknowledged");
    await first.end("SIGKILL");
    const second = await start(directory, ["--port", "0"]);
    equal(await get(second.ready.url), "acknowledged");
    await second.end("SIGTERM");
  });
});

Deno.test("a taken port is reported, and the exit code is 2", async () => {
  await withDirectory(async (directory) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const { code, stderr } = await refusal(directory, ["--port", `${port}`]);
    listener.close();
    equal(code, 2);
    match(stderr, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken`));
  });
});

Deno.test("data with another fixed configuration is not served", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0", "--mode", "dvv"]);
    await first.end("SIGTERM");
    const { code, stderr } = await refusal(directory, ["--port", "0", "--mode", "lww"]);
    equal(code, 2);
    match(stderr, /mode must be 'dvv', as in the store: current value is 'lww'/);
    const other = await refusal(directory, ["--port", "0", "--id", "n7"]);
    match(other.stderr, /id must be 'n1', as in the store: current value is 'n7'/);
    // Other parts of the configuration can change.
    const again = await start(directory, ["--port", "0", "--timeout-ms", "777"]);
    const { config } = await statusOf(again.ready.url);
    equal((config as { timeoutMs: number }).timeoutMs, 777);
    await again.end("SIGTERM");
  });
});

Deno.test("a node beyond loopback needs a secret", async () => {
  await withDirectory(async (directory) => {
    const { code, stderr } = await refusal(directory, ["--host", "0.0.0.0", "--port", "0"]);
    equal(code, 2);
    match(stderr, /without a secret/);
  });
});

Deno.test("a second node on the same data is refused", async () => {
  await withDirectory(async (directory) => {
    const first = await start(directory, ["--port", "0"]);
    const { code, stderr } = await refusal(directory, ["--port", "0"]);
    equal(code, 2);
    match(stderr, /Another process/);
    await first.end("SIGTERM");
  });
});

Deno.test("wrong flags are refused with what is allowed", async () => {
  await withDirectory(async (directory) => {
    for (
      const [args, message] of [
        [["--port", "70000"], /--port must be a whole number from 0 to 65535/],
        [["--latency", "slow"], /--latency: .*unknown name 'slow'/],
        [["--nodes", "3"], /Unknown option '--nodes'/],
        [["--join", "n1"], /--join must be a URL/],
        [["--weight", "2"], /--weight is for a node that joins: it needs --join/],
        [["--join", "http://127.0.0.1:9", "--weight", "0"], /--weight must be a number above 0/],
      ] as const
    ) {
      const { code, stderr } = await refusal(directory, args);
      deepEqual([code, message.test(stderr)], [2, true], stderr);
    }
  });
});

Deno.test("data with a damaged membership is not served", async () => {
  await withDirectory(async (directory) => {
    const store = await openStorage({ location: `${directory}/node.sqlite3` });
    await store.writeMeta(MEMBERSHIP, { state: { members: [], tokens: [], registers: [] } });
    await store.close();
    const { code, stderr } = await refusal(directory, ["--port", "0"]);
    equal(code, 2);
    match(stderr, /the membership in it is damaged: a membership's marks must be a list/);
  });
});
