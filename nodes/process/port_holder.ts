/**
 * Who listens on a port, so that "address in use" can name the culprit.
 *
 * Linux tells it in two steps: `/proc/net/tcp` gives the socket's inode, and the process that holds it
 * has a file descriptor that links to `socket:[inode]` (proc(5)). Elsewhere `lsof` knows, where there
 * is one. Processes of other users stay unseen; then the answer is null.
 */
import { basename } from "node:path";

const LISTENING = "0A";

/** "pid 4711 (deno cli/node.ts)", or null when it cannot be told. */
export async function holderOf(port: number): Promise<string | null> {
  const pid = Deno.build.os === "linux" ? await pidFromProc(port) : await pidFromLsof(port);
  if (pid === null) return null;
  const program = await programOf(pid);
  return program === null ? `pid ${pid}` : `pid ${pid} (${program})`;
}

async function pidFromProc(port: number): Promise<number | null> {
  const inodes = new Set([
    ...await listeningInodes("/proc/net/tcp", port),
    ...await listeningInodes("/proc/net/tcp6", port),
  ]);
  if (inodes.size === 0) return null;
  const wanted = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (Number.isInteger(pid) && holdsAny(pid, wanted)) return pid;
  }
  return null;
}

/** Columns of a line: slot, local address:port in hex, remote, state, queues, timer, …, inode as the tenth. */
async function listeningInodes(table: string, port: number): Promise<string[]> {
  const text = await Deno.readTextFile(table).catch(() => "");
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return text.split("\n").flatMap((line) => {
    const columns = line.trim().split(/\s+/);
    const [, local, , state] = columns;
    const inode = columns[9];
    return local?.endsWith(suffix) && state === LISTENING && inode !== undefined ? [inode] : [];
  });
}

function holdsAny(pid: number, sockets: ReadonlySet<string>): boolean {
  try {
    for (const entry of Deno.readDirSync(`/proc/${pid}/fd`)) {
      if (sockets.has(linkOf(`/proc/${pid}/fd/${entry.name}`))) return true;
    }
  } catch {
    // Another user's process, or it ended while we looked.
  }
  return false;
}

function linkOf(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

async function pidFromLsof(port: number): Promise<number | null> {
  try {
    const { stdout } = await new Deno.Command("lsof", {
      args: ["-nP", "-t", `-iTCP:${port}`, "-sTCP:LISTEN"],
      stderr: "null",
    }).output();
    const pid = parseInt(new TextDecoder().decode(stdout));
    return Number.isInteger(pid) ? pid : null;
  } catch {
    return null;
  }
}

/** Files that a program is given to run, where it is not itself what a person would look for. */
const SCRIPT = /\.([cm]?[jt]sx?|py|rb|pl|php|sh|jar)$/;

/** "deno cli/node.ts": the program and the script it runs; the flags between would fill a screen. */
async function programOf(pid: number): Promise<string | null> {
  const [program, ...args] = Deno.build.os === "linux"
    ? (await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "")).split("\0")
    : (await commandFromPs(pid)).split(" ");
  if (program === undefined || program === "") return null;
  const script = args.find((arg) => !arg.startsWith("-") && SCRIPT.test(arg));
  return [basename(program), ...(script === undefined ? [] : [script])].join(" ");
}

async function commandFromPs(pid: number): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("ps", {
      args: ["-o", "command=", "-p", `${pid}`],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch {
    return "";
  }
}
