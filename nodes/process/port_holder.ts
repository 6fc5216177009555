/**
 * Finds the process that listens on a port, so that an error "address in use" can name it.
 *
 * Linux needs two steps: `/proc/net/tcp` has the socket's inode, and the process has a file descriptor
 * that links to `socket:[inode]` (proc(5)). Other systems need `lsof`. Processes of other users are not
 * visible; then the result is null.
 */
import { basename } from "node:path";

const LISTENING = "0A";

/** "pid 4711 (deno cli/node.ts)"; null if it cannot be found. */
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

/** A line's columns: slot, local address:port in hex, remote, state, queues, timer, …; the tenth is the inode. */
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
    // The process belongs to another user, or has just ended.
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

/** Script files: for an interpreter, the script tells more than the program. */
const SCRIPT = /\.([cm]?[jt]sx?|py|rb|pl|php|sh|jar)$/;

/** "deno cli/node.ts": the program and its script, without the flags. */
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
