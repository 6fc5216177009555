/**
 * A simulated new machine: a copy of the checkout, empty caches of npm and Deno, and a registry that can
 * be taken offline.
 *
 * npm and Deno cache what they fetch by the registry's address, so the address must not change. It is a
 * proxy on this machine. It forwards requests to the registry that npm is configured to use, until it
 * is shut down.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readLines } from "../nodes/cluster/text_lines.ts";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));
/** Parts of a checkout that a fresh clone would not have. */
const NOT_CLONED = new Set([".git", "node_modules", "data", "out", "tmp"]);
/** A registry that takes longer counts as unreachable. */
const REGISTRY_MS = 10_000;
/** No server listens at this address. */
const NOWHERE = "http://127.0.0.1:1/";

export interface NewMachine extends AsyncDisposable {
  /** The path of the checkout's copy. */
  readonly project: string;
  readonly denoDir: string;
  /** A directory for files of a test. */
  readonly scratch: string;
  /** Makes the registry unreachable from now on. */
  goOffline(): Promise<void>;
  /** Runs a task with the command from the README; offline it adds npx's flag `--offline`. */
  task(args: readonly string[]): Task;
}

/** A process group of npx, Deno's task runner and the task itself. */
export interface Task {
  /** The standard output so far. */
  readonly stdout: () => string;
  /** The standard error so far. */
  readonly stderr: () => string;
  /** Resolves when the pattern is in standard output; rejects if the task ends before. */
  untilOutput(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves when all processes of the group have ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Asks all processes to end, and waits. */
  end(): Promise<void>;
}

/** Null if the registry cannot be reached, so that nothing can be fetched. */
export async function newMachine(): Promise<NewMachine | null> {
  const registry = await registryAddress();
  if (!await answers(registry)) return null;
  const proxy = startProxy(registry);
  const root = await Deno.makeTempDir({ prefix: "dynamo-new-machine-" });
  const at = (name: string) => join(root, name);
  await copyCheckout(PROJECT, at("project"));
  await Deno.mkdir(at("scratch"));
  let isOffline = false;
  const goOffline = async () => {
    if (!isOffline) await proxy.shutdown();
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
        NPM_CONFIG_REGISTRY: `http://127.0.0.1:${proxy.addr.port}/`,
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

/** This machine with its existing caches, and without network. */
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

function startProxy(registry: string): Deno.HttpServer<Deno.NetAddr> {
  const base = registry.endsWith("/") ? registry : `${registry}/`;
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      // The unchanged path: a scoped name is one segment with an encoded slash.
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

/** Runs a program in a new process group. */
export function runTask(
  program: string,
  options: { args: string[]; cwd: string; env: Record<string, string> },
): Task {
  const child = new Deno.Command(program, {
    ...options,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A new process group, because npx does not forward signals.
    detached: true,
  }).spawn();
  const output = follow(child.stdout);
  const errors = follow(child.stderr);
  // The pipes close when the last process of the group has ended.
  const ended = Promise.all([child.status, output.closed, errors.closed])
    .then(([status]) => status);
  return {
    stdout: output.text,
    stderr: errors.text,
    untilOutput: async (pattern) => {
      for (;;) {
        const found = pattern.exec(output.text());
        if (found !== null) return found;
        if (!await output.more()) {
          await ended;
          throw new Error(
            `'${options.args.join(" ")}' ended without the expected output:\n${errors.text()}`,
          );
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

/** Collects a stream's text as it arrives. */
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
    /** Waits for more text; false at the end of the stream. */
    more: async () => {
      if (isOpen) await next.promise;
      return isOpen;
    },
  };
}
