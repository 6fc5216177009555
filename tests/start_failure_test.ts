/** `task start` with a demo cluster that cannot start: terminal, API and page give the same reason. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until, withDirectory } from "./live_cluster.ts";
import { runTask } from "./new_machine.ts";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

Deno.test("start: terminal, API and page explain why the demo cluster cannot start", async () => {
  await withDirectory(async (directory) => {
    const task = runTask(Deno.execPath(), {
      args: ["run", "-A", "main.ts", "--port", "0"],
      cwd: PROJECT,
      env: { TMPDIR: join(directory, "missing") },
    });
    try {
      const [url] = await task.untilOutput(/http:\/\/127\.0\.0\.1:\d+(?=\/)/);
      await until("the start has failed", () => task.stderr().includes("did not start"));
      const { clusters: [demo] } = await (await fetch(`${url}/api/clusters`)).json();
      assert.equal(demo.state, "failed");
      assert.equal(
        demo.failure,
        "Cannot start a cluster: the directory for temporary files does not exist.\n" +
          "Create it, or choose another directory: with --data, or with TMPDIR where the data is " +
          "temporary.",
      );
      assert.ok(
        task.stderr().includes(`The demo cluster did not start.\n${demo.failure}\n`),
        task.stderr(),
      );
      const page = await (await fetch(`${url}/`)).text();
      assert.match(page, /did not start/);
      assert.match(page, /<p>Cannot start a cluster: the directory for temporary files/);
    } finally {
      await task.end();
    }
  });
});
