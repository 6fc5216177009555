/**
 * The packages that nodes need. Whatever runs a launcher has made Deno fetch every package of
 * `deno.lock` when it started; should one be missing all the same, `cli/fetch.ts` gets it, in a
 * process of its own. Nodes themselves only ever read the cache.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LaunchError } from "./launch_error.ts";
import { withoutColours } from "./start_failures.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const FETCH_PROGRAM = join(PROJECT, "cli", "fetch.ts");
const DENO_CONFIG = join(PROJECT, "deno.json");
const DENO_LOCK = join(PROJECT, "deno.lock");

/**
 * For programs that may not fetch. The lock names the packages' versions: without it, Deno would look
 * for the registry's lists of versions, which nobody has fetched.
 */
export const CACHED_ONLY: readonly string[] = [
  "--cached-only",
  `--lock=${DENO_LOCK}`,
  "--frozen",
  `--config=${DENO_CONFIG}`,
];

let fetching: Promise<void> | undefined;

/** Fetches what is missing. Calls that meet share one fetch. Throws {@link LaunchError}, saying what to do. */
export function fetchPackages(): Promise<void> {
  return fetching ??= runFetch().finally(() => fetching = undefined);
}

async function runFetch(): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", `--config=${DENO_CONFIG}`, FETCH_PROGRAM],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const words = withoutColours(new TextDecoder().decode(stderr)).trim();
  throw new LaunchError("failed", words.replace(/^error: /, ""), "package-missing");
}
