import assert from "node:assert/strict";
import { join } from "node:path";
import { readLines } from "../cluster/text_lines.ts";
import { freePorts, takenPorts } from "./ports.ts";

const HOST = "127.0.0.1";

Deno.test("free ports are distinct, usable, and outside the ephemeral range", () => {
  const ports = freePorts(HOST, 8);
  assert.equal(new Set(ports).size, 8);
  const listeners = ports.map((port) => Deno.listen({ hostname: HOST, port }));
  // While these are taken, others are found.
  const others = freePorts(HOST, 8);
  assert.equal(new Set([...ports, ...others]).size, 16);
  for (const listener of listeners) listener.close();
  for (const port of [...ports, ...others]) assert.ok(port >= 12_000 && port < 32_000, `${port}`);
});

Deno.test("a taken port is reported with its process, a free one is not reported", async () => {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const [free = 0] = freePorts(HOST, 1);
  try {
    const taken = await takenPorts(HOST, [free, listener.addr.port]);
    assert.equal(taken.length, 1);
    assert.equal(taken[0]?.port, listener.addr.port);
    assert.match(taken[0]?.reason ?? "", new RegExp(`^pid ${Deno.pid} \\(deno[^)]*\\)$`));
  } finally {
    listener.close();
  }
});

Deno.test("a process that runs a script is reported with the script, without flags", async () => {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  const script = join(directory, "holder.ts");
  await Deno.writeTextFile(
    script,
    `const { addr } = Deno.listen({ hostname: "${HOST}", port: 0 });
     console.log((addr as Deno.NetAddr).port);
     await Deno.stdin.readable.pipeTo(new WritableStream());`,
  );
  try {
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", `--allow-net=${HOST}`, script, "--id", "n1"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const port = Promise.withResolvers<number>();
    const heard = readLines(child.stdout, (line) => port.resolve(Number(line)))
      .then(() => port.reject(new Error("the process ended without printing a port")));
    const [taken] = await takenPorts(HOST, [await port.promise]);
    assert.equal(taken?.reason, `pid ${child.pid} (deno ${script})`);
    await child.stdin.close();
    await heard;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an address of another machine is reported as such", async () => {
  // TEST-NET-1 (RFC 5737) is reserved.
  const taken = await takenPorts("192.0.2.1", [12_345]);
  assert.equal(taken.length, 1);
  assert.match(taken[0]?.reason ?? "", /address/i);
});
