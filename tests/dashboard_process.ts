/** `deno task start` as a child process on a free port. */
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("..", import.meta.url));

export interface Dashboard extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** Resolves when the cluster runs; rejects if it does not start. */
  ready(cluster: string): Promise<void>;
  /** Sends the signal, and resolves when the process has ended. */
  end(signal: Deno.Signal): Promise<Deno.CommandStatus>;
}

export async function startDashboard(args: readonly string[]): Promise<Dashboard> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "--port", "0", ...args],
    cwd: PROJECT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  let url: string | undefined;
  while (url === undefined) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The dashboard ended before it printed its URL: ${output}`);
    output += value;
    url = /http:\/\/127\.0\.0\.1:\d+(?=\/)/.exec(output)?.[0];
  }
  // Read further output, so that it does not fill the pipe.
  const drained = drain(reader);
  let ended = false;
  const end = async (signal: Deno.Signal) => {
    if (!ended) child.kill(signal);
    ended = true;
    const status = await child.status;
    await drained;
    return status;
  };
  const address = url;
  return {
    url: address,
    ready: (cluster) => untilRunning(`${address}/api/clusters/${cluster}`),
    end,
    [Symbol.asyncDispose]: async () => void await end("SIGTERM"),
  };
}

async function drain(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  for (let done = false; !done;) ({ done } = await reader.read());
}

/** Follows the cluster's event stream until the cluster is running. */
export async function untilRunning(url: string): Promise<void> {
  const response = await fetch(`${url}/events`);
  if (!response.ok || response.body === null) {
    throw new Error(`${url} answered ${response.status}`);
  }
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (/event: cluster\ndata: [^\n]*"state":"running","failure":null/.test(text)) return;
    if (text.includes('"state":"failed"')) throw new Error(`The cluster did not start: ${text}`);
  }
  throw new Error(`The event stream of ${url} ended before the cluster was running`);
}
