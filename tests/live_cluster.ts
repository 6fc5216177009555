/**
 * What whole-system tests need: a real cluster that is gone at the end however the test goes, and
 * waiting for a condition instead of for a time.
 */
import assert from "node:assert/strict";
import {
  launchCluster,
  type LaunchOptions,
  type RunningCluster,
} from "../nodes/cluster/launcher.ts";

/** Runs `work` with a cluster on free ports, and ends the cluster. */
export async function withCluster(
  options: LaunchOptions,
  work: (cluster: RunningCluster) => Promise<void>,
): Promise<void> {
  const said: string[] = [];
  const onOutput = (id: string, line: string) => void said.push(`${id} | ${line}`);
  const cluster = await launchCluster({ port: 0, onOutput, ...options });
  try {
    await work(cluster);
  } catch (error) {
    if (said.length > 0) console.error(`The nodes said:\n${said.slice(-40).join("\n")}`);
    throw error;
  } finally {
    await cluster.close();
  }
}

/** Runs `work` with a directory of its own, and removes it. */
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

/** Resolves when the condition holds; fails, naming it, when it does not come to hold at all. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await holds()) {
    assert.ok(performance.now() < deadline, `waited ${PATIENCE_MS} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Whether there is a process with that id. One that has ended and is not yet buried does not count. */
export async function isAlive(pid: number): Promise<boolean> {
  const state = await processState(pid);
  return state !== "" && state !== "Z";
}

/** The letter that ps(1) shows: R, S, T (stopped), Z (ended); empty when there is no such process. */
export async function processState(pid: number): Promise<string> {
  if (Deno.build.os !== "linux") {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", `${pid}`] })
      .output();
    return new TextDecoder().decode(stdout).trim().slice(0, 1);
  }
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // The command's name, in brackets, may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).slice(0, 1);
  } catch {
    return "";
  }
}

/** The node's answer to a probe; the body is read, so that nothing is left open. */
export async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}
