/** Finds Chromium: the one in `CHROMIUM_PATH`, or the first known one on PATH. */
import { join } from "node:path";

/** The headless shell comes first: it is the smallest and starts fastest. */
const PROGRAMS: readonly string[] = [
  "chromium-headless-shell",
  "chromium",
  "chromium-browser",
  "google-chrome",
  "google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The path of Chromium; null when there is none. */
export async function findChromium(): Promise<string | null> {
  const given = Deno.env.get("CHROMIUM_PATH");
  if (given !== undefined && given !== "") return given;
  const directories = (Deno.env.get("PATH") ?? "").split(":").filter((path) => path !== "");
  for (const program of PROGRAMS) {
    const paths = program.startsWith("/")
      ? [program]
      : directories.map((directory) => join(directory, program));
    for (const path of paths) {
      if (await isFile(path)) return path;
    }
  }
  return null;
}

export async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
