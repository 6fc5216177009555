/** The real browser of the tests: the Chromium that `deno task test` would take, without its own traffic. */
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "../cli/find_chromium.ts";

const FLAGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Throws, saying what to do, when there is no Chromium. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === null) {
    throw new Error("There is no Chromium: set CHROMIUM_PATH, or put one on PATH");
  }
  return await chromium.launch({ executablePath, args: [...FLAGS] });
}
