/** The browser of the tests: the Chromium that `deno task test` finds, without background traffic. */
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

/** Throws with instructions if there is no Chromium. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === null) {
    throw new Error("Cannot find Chromium: set CHROMIUM_PATH, or add Chromium to PATH");
  }
  return await chromium.launch({ executablePath, args: [...FLAGS] });
}
