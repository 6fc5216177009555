/**
 * Helpers of whole-system tests: a real cluster that is closed even if the test fails, and waiting for
 * conditions.
 */
import assert from "node:assert/strict";
import {
  launchCluster,
  type LaunchOptions,
  type RunningCluster,
} from "../nodes/cluster/launcher.ts";

/** Runs `work` with a cluster on free ports, and closes the cluster. */
export async function withCluster(
  options: LaunchOptions,
  work: (cluster: RunningCluster) => Promise<void>,
): Promise<void> {
  const output: string[] = [];
  const onOutput = (id: string, line: string) => void output.push(`${id} | ${line}`);
  const cluster = await launchCluster({ port: 0, onOutput, ...options });
  try {
    await work(cluster);
  } catch (error) {
    if (output.length > 0) {
      console.error(`Output of the nodes:\n${output.slice(-40).join("\n")}`);
    }
    throw error;
  } finally {
    await cluster.close();
  }
}

/** Runs `work` with a new temporary directory, and removes it. */
export async function withDirectory(work: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  try {
    await work(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

const POLL_MS = 10;
const PATIENCE_MS = 30_000;

/** Waits until the condition holds; fails with `what` if it does not. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    assert.ok(performance.now() < deadline, `not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Whether a process with this id is running. A zombie does not count. */
export async function isAlive(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state !== "" && state !== "Z";
}

/** The state letter of ps(1): R, S, T (stopped), Z (zombie), …; empty if there is no such process. */
export async function processState(pid: number): Promise<string> {
  if (Deno.build.os !== "linux") {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
      .output();
    return new TextDecoder().decode(stdout).trim().slice(0, 1);
  }
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // The command's name, in parentheses, can contain any character.
    return stat.slice(stat.lastIndexOf(")") + 2).slice(0, 1);
  } catch {
    return "";
  }
}

/** The HTTP status of a probe. The body is discarded, so that no resource stays open. */
export async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}
