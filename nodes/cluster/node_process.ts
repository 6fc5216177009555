/**
 * One node as a process of the operating system, seen from the launcher: started under the least
 * permissions that it can do with, heard until it says that it serves, and gone when the launcher is.
 *
 * A child's stdin is a pipe that only the launcher holds. However the launcher ends, even by SIGKILL,
 * the system closes the pipe and the child ends. A child that is stopped by SIGSTOP would not notice,
 * so a guard stands by it: see {@link PauseGuard}.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { LaunchError } from "./launch_error.ts";
import { CACHED_ONLY } from "./package_cache.ts";
import { explain, quoted, withoutColours } from "./start_failures.ts";
import { readLines } from "./text_lines.ts";

/** What a node is started with. */
export interface NodeStart {
  readonly id: NodeId;
  /** Where it is to listen: `http://host:port`. */
  readonly url: string;
  /** Its own directory: all that it may write. */
  readonly directory: string;
  readonly initialConfigFile: string;
  readonly secretFile: string;
  readonly latency?: string | undefined;
  readonly allowFaults?: boolean | undefined;
}

/** How a process ended. */
export interface NodeExit {
  readonly pid: number;
  /** The exit code; what the shell would say (128 + signal) when a signal ended it. */
  readonly code: number;
  readonly signal: string | null;
  /** The end of what it wrote on stderr. */
  readonly stderrTail: string;
}

/** A first start may compile, check a database of gigabytes, and share two cores with its peers. */
const READY_TIMEOUT_MS = 60_000;
/** A server fed by `node:http2` makes much short-lived garbage: a small nursery keeps it at 120 MB. */
const V8_FLAGS = "--max-semi-space-size=4";
/**
 * glibc gives every thread that allocates an arena of its own, and keeps what is free in each. With two
 * for all a node is 3 MB smaller when it is new and 7 MB after a load, at no measurable cost (2.9.6).
 */
const ARENAS = "2";
const WORDS_LINES_MAX = 30;
/** In a node's own directory. */
export const NODE_DATABASE = "node.sqlite3";
const NODE_PROGRAM = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));

export class NodeChild {
  readonly pid: number;
  /** Resolves when the node serves; rejects with {@link LaunchError} when it ends first or stays silent. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone and its pipes are closed. */
  readonly exited: Promise<NodeExit>;
  private readonly child: Deno.ChildProcess;
  private readonly words: string[] = [];
  private announce: () => void = () => {};
  /** The last signal that the launcher sent it. */
  private sent: Deno.Signal | null = null;

  /** Starts the process; `onOutput` is given each line that it writes on stderr. */
  constructor(start: NodeStart, onOutput: (line: string) => void) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: argumentsOf(start),
      env: { MALLOC_ARENA_MAX: Deno.env.get("MALLOC_ARENA_MAX") ?? ARENAS, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.child.pid;
    const announced = new Promise<void>((resolve) => this.announce = resolve);
    this.exited = this.watch(onOutput);
    this.ready = this.untilReady(start, announced);
    // Whoever waits for it hears of a failure; if nobody does, the exit tells.
    this.ready.catch(() => {});
  }

  /** Sends a signal; a process that is gone already is left alone. */
  send(signal: Deno.Signal): void {
    this.sent = signal;
    sendSignal(this.child, signal);
  }

  private async watch(onOutput: (line: string) => void): Promise<NodeExit> {
    const heard = [
      readLines(this.child.stdout, (line) => {
        if (isReadyLine(line)) this.announce();
      }),
      readLines(this.child.stderr, (said) => {
        const line = withoutColours(said);
        this.words.push(line);
        if (this.words.length > WORDS_LINES_MAX) this.words.shift();
        onOutput(line);
      }),
    ];
    const { code, signal } = await this.child.status;
    await Promise.all(heard);
    // Closing the pipe of a process that is gone may fail, and nothing is lost by that.
    await this.child.stdin.close().catch(() => {});
    return { pid: this.pid, code, signal, stderrTail: this.words.join("\n") };
  }

  private async untilReady(start: NodeStart, announced: Promise<void>): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), READY_TIMEOUT_MS);
    });
    const first = await Promise.race([announced, this.exited, late]);
    clearTimeout(timer);
    if (first === undefined) return;
    const isAsked = this.sent !== null;
    if (first === "late") this.send("SIGKILL");
    throw isAsked && first !== "late"
      ? new LaunchError("failed", `Node ${start.id} was ended before it served`)
      : failureOf(start, first, this.words.join("\n"));
  }
}

/** Why a node did not start, and what to do about it. */
function failureOf(start: NodeStart, end: NodeExit | "late", words: string): LaunchError {
  const told = (why: string, rest: string) => `Node ${start.id} could not start: ${why}.\n${rest}`;
  if (end === "late") {
    const why = `it did not serve within ${READY_TIMEOUT_MS / 1_000} s, and was ended`;
    const advice = "The machine may be too busy: start fewer nodes, or try again.";
    return new LaunchError("failed", `${told(why, advice)}\n\n${quoted(words)}`);
  }
  const { port } = new URL(start.url);
  const known = explain(words, { port, directory: start.directory });
  if (known !== null) {
    return new LaunchError("failed", told(known.why, known.advice), known.cause);
  }
  if (end.signal === "SIGKILL") {
    const why = "the system ended it (SIGKILL), most likely because memory ran out";
    const advice = "Close other programs, or start fewer nodes.";
    return new LaunchError("failed", told(why, advice), "out-of-memory");
  }
  const why = `it ended with ${describeExit(end)}`;
  return new LaunchError("failed", told(why, `\n${quoted(words)}`));
}

function sendSignal(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // Deno says TypeError or NotFound for a child that has ended, depending on who noticed first.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

function argumentsOf(start: NodeStart): string[] {
  const { hostname, port } = new URL(start.url);
  return [
    "run",
    "--no-prompt",
    // A node never asks the network for code: what it needs has been fetched (`package_cache.ts`).
    ...CACHED_ONLY,
    `--v8-flags=${V8_FLAGS}`,
    // Every port of its host, not a list: nodes that join later listen on ports not known yet.
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

/** Paths in a permission are separated by commas; a comma in one is written twice. */
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
 * Lifts a pause when the launcher is gone. A stopped process cannot see its stdin close; the guard, a
 * shell that waits on a pipe of its own, can, and then continues the node, which sees it in turn.
 */
export class PauseGuard {
  private readonly shell: Deno.ChildProcess;

  constructor(pid: number) {
    this.shell = new Deno.Command("sh", {
      // Ctrl-C in a terminal goes to the guard as well: it must outlive that.
      args: ["-c", `trap "" HUP INT TERM; read -r _; kill -CONT ${pid} 2>/dev/null`],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The pause is over or the process is: the guard ends and does nothing. */
  async dismiss(): Promise<void> {
    sendSignal(this.shell, "SIGKILL");
    await this.shell.status;
    await this.shell.stdin.close().catch(() => {});
  }
}
