/** For tests: a node as a process, started from the command line. */
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
/** A start that takes longer counts as failed. */
const READY_MS = 60_000;

export interface Started {
  readonly child: Deno.ChildProcess;
  /** The line that it writes on stdout when it is ready. */
  readonly ready: { readonly ready: boolean; id: string; url: string; pid: number };
  /** Everything that it wrote on stderr; resolves when it has ended. */
  readonly stderr: Promise<string>;
  /** Sends a signal, waits for the end, and returns the exit code. */
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
  let output = "";
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
  while (!output.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the node ended before it was ready: ${await stderr}`);
    output += value;
  }
  clearTimeout(timer);
  return {
    child,
    ready: JSON.parse(output),
    stderr,
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

/** Starts a node that is expected to fail. Returns its exit code and its stderr. */
export async function refusal(
  directory: string,
  args: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const child = command(directory, args).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), READY_MS);
  const { code, stderr } = await child.output();
  clearTimeout(timer);
  await child.stdin.close().catch(() => {});
  return { code, stderr: new TextDecoder().decode(stderr) };
}

export async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "dynamo-node-" });
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
