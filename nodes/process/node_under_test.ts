/** For tests: a node as a process, started by hand as a person would. */
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
/** A start that takes longer has failed. */
const READY_MS = 60_000;

export interface Started {
  readonly child: Deno.ChildProcess;
  /** What it said it is. */
  readonly ready: { readonly ready: boolean; id: string; url: string; pid: number };
  /** All that it wrote on stderr, once it has ended. */
  readonly said: Promise<string>;
  /** Sends a signal, waits for the end, and tells the exit code. */
  end(signal: Deno.Signal | null): Promise<number>;
}

function command(directory: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      `--config=${CONFIG}`,
      "--allow-net=127.0.0.1,0.0.0.0",
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      PROGRAM,
      "--kv",
      `${directory}/node.sqlite3`,
      ...args,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

export async function start(directory: string, args: readonly string[]): Promise<Started> {
  const child = command(directory, args).spawn();
  const stderr = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
  while (!said.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended before it served: ${await stderr}`);
    said += value;
  }
  clearTimeout(timer);
  return {
    child,
    ready: JSON.parse(said),
    said: stderr,
    end: async (signal) => {
      if (signal !== null) child.kill(signal);
      await child.stdin.close().catch(() => {});
      const { code } = await child.status;
      await reader.cancel();
      await stderr;
      return code;
    },
  };
}

/** Starts a node that is expected to refuse; tells its exit code and what it said. */
export async function refusal(
  directory: string,
  args: readonly string[],
): Promise<{ code: number; said: string }> {
  const child = command(directory, args).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
  const { code, stderr } = await child.output();
  clearTimeout(timer);
  await child.stdin.close().catch(() => {});
  return { code, said: new TextDecoder().decode(stderr) };
}

export async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-node-" });
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
