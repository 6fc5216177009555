/**
 * A machine that has never seen this project: a copy of the checkout, empty caches of npm and Deno, and
 * a registry whose door can be closed.
 *
 * Both npm and Deno keep what they fetch by the registry's address. So the address stays the same all
 * the time: a door on this machine, which passes questions on to the registry that npm is set to use,
 * until it is closed.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLines } from "../nodes/cluster/text_lines.ts";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
/** Nothing of a checkout that a clone does not have. */
const NOT_CLONED = new Set([".git", "node_modules", "data", "out", "tmp"]);
/** A registry that takes longer is as good as none. */
const REGISTRY_MS = 10_000;
/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:1/";

export interface NewMachine extends AsyncDisposable {
  /** Of the checkout's copy. */
  readonly project: string;
  readonly denoDir: string;
  /** For files of a test. */
  readonly scratch: string;
  /** From now on nothing can be had from the network. */
  goOffline(): Promise<void>;
  /** Runs a task as the README writes it; `--offline` is npx's own flag. */
  task(args: readonly string[]): Task;
}

/** A process group of npx, Deno's task runner and what that runs. */
export interface Task {
  /** Standard output so far, and as it grows. */
  readonly said: () => string;
  /** Standard error so far. */
  readonly stderr: () => string;
  /** Resolves when the pattern is in standard output; rejects when the task ends without. */
  untilSaid(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when everything that belongs to it is gone. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Asks all of it to end, and waits. */
  end(): Promise<void>;
}

/** Null when the registry cannot be reached: nothing can be fetched anew then. */
export async function newMachine(): Promise<NewMachine | null> {
  const registry = await registryAddress();
  if (!await answers(registry)) return null;
  const door = openDoor(registry);
  const root = await Deno.makeTempDir({ prefix: "dynamo-new-machine-" });
  const at = (name: string) => join(root, name);
  await copyCheckout(PROJECT, at("project"));
  await Deno.mkdir(at("scratch"));
  let isOffline = false;
  const goOffline = async () => {
    if (!isOffline) await door.shutdown();
    isOffline = true;
  };
  return {
    project: at("project"),
    denoDir: at("deno"),
    scratch: at("scratch"),
    goOffline,
    task: (args) => {
      const env = {
        DENO_DIR: at("deno"),
        npm_config_cache: at("npm"),
        NPM_CONFIG_REGISTRY: `http://127.0.0.1:${door.addr.port}/`,
        NO_COLOR: "1",
        NO_PROXY: "127.0.0.1",
        ...(isOffline ? { HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE } : {}),
      };
      const offline = isOffline ? ["--offline"] : [];
      const command = ["--yes", ...offline, "deno@2.9", "task", ...args];
      return runTask("npx", { args: command, cwd: at("project"), env });
    },
    [Symbol.asyncDispose]: async () => {
      await goOffline();
      await Deno.remove(root, { recursive: true });
    },
  };
}

/** This machine with the caches that it has, and without network. */
export async function thisMachineOffline(): Promise<NewMachine> {
  const root = await Deno.makeTempDir({ prefix: "dynamo-offline-" });
  const project = join(root, "project");
  await copyCheckout(PROJECT, project);
  const env = { NO_COLOR: "1", NO_PROXY: "127.0.0.1", HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE };
  return {
    project,
    denoDir: join(root, "deno"),
    scratch: root,
    goOffline: () => Promise.resolve(),
    task: (args) => runTask(Deno.execPath(), { args: ["task", ...args], cwd: project, env }),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

async function registryAddress(): Promise<string> {
  const { stdout } = await new Deno.Command("npm", { args: ["config", "get", "registry"] })
    .output();
  return new TextDecoder().decode(stdout).trim();
}

async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(REGISTRY_MS) });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

function openDoor(registry: string): Deno.HttpServer<Deno.NetAddr> {
  const base = registry.endsWith("/") ? registry : `${registry}/`;
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      // The path as it came: a scoped name is one segment, with its slash encoded.
      const here = `${new URL(request.url).origin}/`;
      const path = request.url.slice(here.length);
      const accept = request.headers.get("accept") ?? "*/*";
      const answer = await fetch(base + path, { headers: { accept } });
      const contentType = answer.headers.get("content-type") ?? "application/octet-stream";
      const headers = { "content-type": contentType };
      if (!contentType.includes("json")) {
        return new Response(answer.body, { status: answer.status, headers });
      }
      const text = (await answer.text()).replaceAll(base, here);
      return new Response(text, { status: answer.status, headers });
    },
  );
}

async function copyCheckout(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory, isFile } of Deno.readDir(from)) {
    if (NOT_CLONED.has(name)) continue;
    if (isDirectory) await copyCheckout(join(from, name), join(to, name));
    if (isFile) await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** Runs a program in a process group of its own. */
export function runTask(
  program: string,
  options: { args: string[]; cwd: string; env: Record<string, string> },
): Task {
  const child = new Deno.Command(program, {
    ...options,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A group of its own: npx passes no signals on.
    detached: true,
  }).spawn();
  const output = follow(child.stdout);
  const errors = follow(child.stderr);
  // The pipes close when the last process that holds them is gone.
  const ended = Promise.all([child.status, output.closed, errors.closed])
    .then(([status]) => status);
  return {
    said: output.text,
    stderr: errors.text,
    untilSaid: async (pattern) => {
      for (;;) {
        const found = pattern.exec(output.text());
        if (found !== null) return found;
        if (!await output.more()) {
          await ended;
          throw new Error(`'${options.args.join(" ")}' ended too soon:\n${errors.text()}`);
        }
      }
    },
    ended,
    end: async () => {
      try {
        Deno.kill(-child.pid, "SIGTERM");
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
      await ended;
    },
  };
}

/** A stream's text as it comes. */
function follow(stream: ReadableStream<Uint8Array>) {
  let text = "";
  let isOpen = true;
  let next = Promise.withResolvers<void>();
  const read = async () => {
    await readLines(stream, (line) => {
      text += `${line}\n`;
      next.resolve();
      next = Promise.withResolvers();
    });
    isOpen = false;
    next.resolve();
  };
  const closed = read();
  return {
    text: () => text,
    closed,
    /** Whether more came; false at the end. */
    more: async () => {
      if (isOpen) await next.promise;
      return isOpen;
    },
  };
}
