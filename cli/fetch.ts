/**
 * `deno task fetch`: gets everything ahead that the tasks need, so that they work without network.
 *
 * Two things come from the network: the npm packages that `deno.lock` names, and the program behind
 * Deno's bundler. Deno fetches all of the first when a program imports one of them, the second when
 * something is bundled. This program imports no package itself before it can say in plain words what
 * cannot be had.
 */
import { explain, quoted, withoutColours } from "../nodes/cluster/start_failures.ts";

/** The smallest of the packages. */
const PROBE = "tinyqueue";
const ASSETS = new URL("../routes/(_server)/assets.ts", import.meta.url).href;
type Assets = typeof import("../routes/(_server)/assets.ts");

const say = (text: string) => console.error(text);

/** An import that Deno does not look at before it is made. */
function importLate(specifier: string): Promise<unknown> {
  return import(specifier);
}

/** Throws what Deno says. */
async function fetchEverything(): Promise<void> {
  await importLate(PROBE);
  const { bundleIslands } = await importLate(ASSETS) as Assets;
  await bundleIslands();
}

function explanationOf(error: unknown): string {
  const words = withoutColours(error instanceof Error ? error.message : String(error));
  const known = explain(words);
  if (known === null) return `Cannot fetch what the tasks need.\n\n${quoted(words)}`;
  const [, host] = /https?:\/\/([^/\s]+)/.exec(words) ?? [];
  const from = host === undefined ? "" : ` from ${host}`;
  return `Cannot fetch everything${from}: ${known.why}.\n${known.advice}`;
}

async function main(): Promise<void> {
  try {
    await fetchEverything();
    say("Everything is there: the tasks now work without network.");
  } catch (error) {
    say(`error: ${explanationOf(error)}`);
    Deno.exit(1);
  }
}

if (import.meta.main) await main();
