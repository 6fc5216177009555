/**
 * The packages that nodes need. Deno fetches every package of `deno.lock` before it starts a task that
 * runs a launcher. If a package is still missing, `cli/fetch.ts` gets it in a separate process. Nodes
 * only read the cache.
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
 * Arguments of programs that must not fetch. The lock file has the packages' versions. Without it Deno
 * looks for the registry's lists of versions, which are not in the cache.
 */
export const CACHED_ONLY: readonly string[] = [
  "--cached-only",
  `--lock=${DENO_LOCK}`,
  "--frozen",
  `--config=${DENO_CONFIG}`,
];

let fetching: Promise<void> | undefined;

/**
 * Fetches missing packages. Concurrent calls share one fetch. Throws {@link LaunchError} that says what
 * to do.
 */
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
  const output = withoutColours(new TextDecoder().decode(stderr)).trim();
  throw new LaunchError("failed", output.replace(/^error: /, ""), "package-missing");
}
