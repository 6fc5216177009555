/**
 * One node as a child process of the launcher. It starts with the fewest permissions possible, reports
 * when it serves, and ends when the launcher ends.
 *
 * A child's stdin is a pipe that only the launcher holds. However the launcher ends, even by SIGKILL,
 * the system closes the pipe and the child ends. A child that is stopped by SIGSTOP does not notice
 * that, so {@link PauseWatchdog} continues it.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "./launch_error.ts";
import { CACHED_ONLY } from "./package_cache.ts";
import { explain, quoted, withoutColours } from "./start_failures.ts";
import { readLines } from "./text_lines.ts";

/** How to start a node. */
export interface NodeStart {
  readonly id: NodeId;
  /** Where it listens: `http://host:port`. */
  readonly url: string;
  /** Its own directory, the only one that it may write to. */
  readonly directory: string;
  readonly initialConfigFile: string;
  readonly secretFile: string;
  readonly latency?: string | undefined;
  readonly allowFaults?: boolean | undefined;
}

/** How a process ended. */
export interface NodeExit {
  readonly pid: number;
  /** The exit code, or as in a shell 128 + signal if a signal ended it. */
  readonly code: number;
  readonly signal: string | null;
  /** The end of what it wrote on stderr. */
  readonly stderrTail: string;
}

/** A start may compile code, check a database of gigabytes, and share two cores with other nodes. */
const READY_TIMEOUT_MS = 60_000;
/** `node:http2` makes much short-lived garbage. A small nursery keeps a server at 120 MB. */
const V8_FLAGS = "--max-semi-space-size=4";
/**
 * glibc gives every allocating thread an arena, and each arena keeps its free memory. With two arenas a
 * node takes 3 MB less at its start and 7 MB less under load, at no measurable cost (Deno 2.9.6).
 */
const ARENAS = "2";
const STDERR_LINES_MAX = 30;
/** In a node's own directory. */
export const NODE_DATABASE = "node.sqlite3";
const NODE_PROGRAM = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));

export class NodeChild {
  readonly pid: number;
  /** Resolves when the node serves. Rejects with {@link LaunchError} if it ends first or takes too long. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone and its pipes are closed. */
  readonly exited: Promise<NodeExit>;
  private readonly child: Deno.ChildProcess;
  private readonly stderrLines: string[] = [];
  private onReadyLine: () => void = () => {};
  /** The last signal that the launcher sent. */
  private signalSent: Deno.Signal | null = null;

  /** Starts the process. `onOutput` gets each line that it writes to stderr. */
  constructor(start: NodeStart, onOutput: (line: string) => void) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: argumentsOf(start),
      env: { MALLOC_ARENA_MAX: Deno.env.get("MALLOC_ARENA_MAX") ?? ARENAS, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.child.pid;
    const readyLine = new Promise<void>((resolve) => this.onReadyLine = resolve);
    this.exited = this.watch(onOutput);
    this.ready = this.untilReady(start, readyLine);
    // If nobody waits for `ready`, `exited` reports the failure.
    this.ready.catch(() => {});
  }

  /** Sends a signal. Does nothing if the process is gone already. */
  send(signal: Deno.Signal): void {
    this.signalSent = signal;
    sendSignal(this.child, signal);
  }

  private async watch(onOutput: (line: string) => void): Promise<NodeExit> {
    const outputs = [
      readLines(this.child.stdout, (line) => {
        if (isReadyLine(line)) this.onReadyLine();
      }),
      readLines(this.child.stderr, (coloured) => {
        const line = withoutColours(coloured);
        this.stderrLines.push(line);
        if (this.stderrLines.length > STDERR_LINES_MAX) this.stderrLines.shift();
        onOutput(line);
      }),
    ];
    const { code, signal } = await this.child.status;
    await Promise.all(outputs);
    // Closing the pipe of an ended process may fail, which does no harm.
    await this.child.stdin.close().catch(() => {});
    return { pid: this.pid, code, signal, stderrTail: this.stderrLines.join("\n") };
  }

  private async untilReady(start: NodeStart, readyLine: Promise<void>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), READY_TIMEOUT_MS);
    });
    const first = await Promise.race([readyLine, this.exited, late]);
    clearTimeout(timer);
    if (first === undefined) return;
    const isEndedByLauncher = this.signalSent !== null && first !== "late";
    if (first === "late") this.send("SIGKILL");
    throw isEndedByLauncher
      ? new LaunchError("failed", `Node ${start.id} was stopped before it served`)
      : failureOf(start, first, this.stderrLines.join("\n"));
  }
}

/** Why a node did not start, and what to do about it. */
function failureOf(start: NodeStart, end: NodeExit | "late", output: string): LaunchError {
  const explained = (why: string, rest: string) =>
    `Node ${start.id} could not start: ${why}.\n${rest}`;
  if (end === "late") {
    const why = `it did not serve within ${READY_TIMEOUT_MS / 1_000} s, and was killed`;
    const advice = "The machine may be too busy: start fewer nodes, or try again.";
    return new LaunchError("failed", `${explained(why, advice)}\n\n${quoted(output)}`);
  }
  const { port } = new URL(start.url);
  const known = explain(output, { port, directory: start.directory });
  if (known !== null) {
    return new LaunchError("failed", explained(known.why, known.advice), known.cause);
  }
  if (end.signal === "SIGKILL") {
    const why = "the system killed it (SIGKILL), most likely because memory ran out";
    const advice = "Close other programs, or start fewer nodes.";
    return new LaunchError("failed", explained(why, advice), "out-of-memory");
  }
  const why = `it ended with ${describeExit(end)}`;
  return new LaunchError("failed", explained(why, `\n${quoted(output)}`));
}

function sendSignal(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // For a child that has ended, Deno throws TypeError or NotFound, depending on timing.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

function argumentsOf(start: NodeStart): string[] {
  const { hostname, port } = new URL(start.url);
  return [
    "run",
    "--no-prompt",
    // A node never fetches code: the cache has all that it needs (`package_cache.ts`).
    ...CACHED_ONLY,
    `--v8-flags=${V8_FLAGS}`,
    // Every port of its host, because the ports of nodes that join later are not known yet.
    `--allow-net=${hostname}`,
    `--allow-read=${pathList(start.directory, start.initialConfigFile, start.secretFile)}`,
    `--allow-write=${pathList(start.directory)}`,
    NODE_PROGRAM,
    "--child",
    "--id",
    start.id,
    "--host",
    hostname,
    "--port",
    port,
    "--kv",
    join(start.directory, NODE_DATABASE),
    "--initial-config",
    start.initialConfigFile,
    "--secret-file",
    start.secretFile,
    ...(start.latency === undefined ? [] : ["--latency", start.latency]),
    ...(start.allowFaults ? ["--allow-faults"] : []),
  ];
}

/** Commas separate the paths of a permission. A comma inside a path is doubled. */
function pathList(...paths: string[]): string {
  return paths.map((path) => path.replaceAll(",", ",,")).join(",");
}

function isReadyLine(line: string): boolean {
  try {
    return JSON.parse(line).ready === true;
  } catch {
    return false;
  }
}

/** "SIGKILL" or "exit code 2". */
export function describeExit(exit: NodeExit): string {
  return exit.signal ?? `exit code ${exit.code}`;
}

/**
 * Continues a paused node when the launcher is gone. A stopped process cannot notice that its stdin
 * closes. This shell waits on a pipe of its own and can. It continues the node, which then ends.
 */
export class PauseWatchdog {
  private readonly shell: Deno.ChildProcess;

  constructor(pid: number) {
    this.shell = new Deno.Command("sh", {
      // Ctrl-C in a terminal is sent to the shell too, which has to survive it.
      args: ["-c", `trap "" HUP INT TERM; read -r _; kill -CONT ${pid} 2>/dev/null`],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Ends the shell without any effect, because the node is continued or ended by the launcher. */
  async stop(): Promise<void> {
    sendSignal(this.shell, "SIGKILL");
    await this.shell.status;
    await this.shell.stdin.close().catch(() => {});
  }
}
