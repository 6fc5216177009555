/**
 * `deno task fetch`: downloads everything that the tasks need, so that they work without network.
 *
 * Two things come from the network: the npm packages in `deno.lock`, and the program behind Deno's
 * bundler. Deno downloads all packages when a program imports one of them, and the bundler's
 * program when something is bundled. This program imports no package statically, so that it can
 * explain a failed download.
 */
import { explain, quoted, withoutColours } from "../nodes/cluster/start_failures.ts";

/** A small package: importing it makes Deno download all of them. */
const PROBE = "tinyqueue";
const ASSETS = new URL("../routes/(_server)/assets.ts", import.meta.url).href;
type Assets = typeof import("../routes/(_server)/assets.ts");

const say = (text: string) => console.error(text);

/** An import that Deno does not resolve in advance. */
function importLate(specifier: string): Promise<unknown> {
  return import(specifier);
}

/** Throws Deno's own error. */
async function fetchEverything(): Promise<void> {
  await importLate(PROBE);
  const { bundleIslands } = await importLate(ASSETS) as Assets;
  await bundleIslands();
}

function explanationOf(error: unknown): string {
  const words = withoutColours(error instanceof Error ? error.message : String(error));
  const known = explain(words);
  if (known === null) return `Cannot download what the tasks need.\n\n${quoted(words)}`;
  const [, host] = /https?:\/\/([^/\s]+)/.exec(words) ?? [];
  const from = host === undefined ? "" : ` from ${host}`;
  return `Cannot download everything${from}: ${known.why}.\n${known.advice}`;
}

async function main(): Promise<void> {
  try {
    await fetchEverything();
    say("Everything is downloaded: the tasks now work without network.");
  } catch (error) {
    say(`error: ${explanationOf(error)}`);
    Deno.exit(1);
  }
}

if (import.meta.main) await main();
