/**
 * `deno task test`: runs all tests, with a browser for those that need one.
 *
 * The tests of the dashboard need a real Chromium. This command uses an installed one
 * (`CHROMIUM_PATH`, then PATH). As root on a Debian-like machine, it installs the smallest one
 * otherwise. Arguments are passed to `deno test`: `deno task test lib/dynamo --filter merge`.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium, isFile } from "./find_chromium.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const PACKAGE = "chromium-headless-shell";

async function chromium(): Promise<string> {
  const given = Deno.env.get("CHROMIUM_PATH");
  if (given !== undefined && given !== "" && !await isFile(given)) {
    fail(`CHROMIUM_PATH must be the path of Chromium or Chrome: there is no file '${given}'`);
  }
  return await findChromium() ?? await installChromium();
}

async function installChromium(): Promise<string> {
  const install = ["apt-get", "install", "--yes", "--no-install-recommends", PACKAGE];
  const advice = `Install it with\n  sudo apt-get update && sudo ${install.join(" ")}\n` +
    "or set CHROMIUM_PATH to an installed Chromium or Chrome";
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || !await isFile("/usr/bin/apt-get")) {
    fail(`The dashboard's tests need Chromium, and none was found. ${advice}`);
  }
  console.error(`No Chromium was found: installing ${PACKAGE}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  if (await run(install, env) !== 0) {
    // The package lists may be missing or outdated.
    await run(["apt-get", "update"], env);
    if (await run(install, env) !== 0) fail(`Installing ${PACKAGE} failed. ${advice}`);
  }
  return await findChromium() ?? fail(`${PACKAGE} is installed but not on PATH. ${advice}`);
}

/** Runs a command on this terminal. Resolves with its exit code. */
async function run(command: readonly string[], env: Record<string, string>): Promise<number> {
  const [program = "", ...args] = command;
  const child = new Deno.Command(program, { args, env, stdin: "null" }).spawn();
  return (await child.status).code;
}

function fail(message: string): never {
  console.error(`error: ${message}`);
  Deno.exit(2);
}

async function main(): Promise<void> {
  const env = { CHROMIUM_PATH: await chromium() };
  // Ctrl-C also reaches the tests. They stop what they have started, and this process waits for
  // them.
  Deno.addSignalListener("SIGINT", () => {});
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--cached-only", "--sanitize-ops", "--sanitize-resources", ...Deno.args],
    cwd: PROJECT,
    env,
  }).spawn();
  Deno.addSignalListener("SIGTERM", () => child.kill("SIGTERM"));
  Deno.exit((await child.status).code);
}

if (import.meta.main) await main();
