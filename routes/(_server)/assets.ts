/**
 * The files that pages load: scripts, style sheets and fonts. The scripts are the islands, bundled
 * by Deno's bundler when the dashboard starts (measured: 40 ms). The files' path contains a hash of
 * their content, so browsers may cache them forever: a new version has a new path.
 */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import sans from "@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2" with {
  type: "bytes",
};
import mono from "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2" with {
  type: "bytes",
};
import pico from "@picocss/pico/css/pico.min.css" with { type: "text" };
import { LaunchError } from "../../nodes/cluster/launch_error.ts";
import { explain, withoutColours } from "../../nodes/cluster/start_failures.ts";
import app from "../../static/app.css" with { type: "text" };
import icon from "../../static/icon.svg" with { type: "text" };
import { HttpError } from "./fresh/fresh.ts";

/** The entry points to bundle: `islands/NAME.tsx`. */
export const ISLANDS = ["clusters", "cluster"] as const;
export type Island = typeof ISLANDS[number];

export interface Asset {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

export interface Assets {
  /** By URL path. */
  readonly files: ReadonlyMap<string, Asset>;
  readonly styles: readonly string[];
  /** The URL path of the island's bundle; null if bundling failed. */
  scriptOf(island: Island): string | null;
  /** Why there are no scripts; null if there are. */
  readonly warning: string | null;
}

/** Bundles by file name. */
type Bundles = ReadonlyMap<string, Uint8Array>;

const JAVASCRIPT = "text/javascript; charset=utf-8";
const CSS = "text/css; charset=utf-8";

/**
 * Bundles the islands and collects the files. Never rejects: pages also work without scripts.
 * If the bundler's binary is missing from Deno's cache, calls `fetchMissing` and tries once more.
 */
export async function buildAssets(fetchMissing: () => Promise<void>): Promise<Assets> {
  try {
    return gather(await bundleIslands().catch(retryAfterFetch(fetchMissing)), null);
  } catch (error) {
    return gather(new Map(), warningFor(error));
  }
}

function retryAfterFetch(fetchMissing: () => Promise<void>): (error: Error) => Promise<Bundles> {
  return async (error) => {
    if (explain(error.message)?.cause !== "package-missing") throw error;
    await fetchMissing();
    return await bundleIslands();
  };
}

function warningFor(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof LaunchError ? null : explain(message);
  const reason = known === null ? withoutColours(message) : `${known.why}.\n${known.advice}`;
  return `The pages have no scripts, as bundling failed: ${reason}`;
}

/** All files, with these bundles. */
export function gather(bundles: Bundles, warning: string | null): Assets {
  const named = new Map<string, Asset>([
    ["pico.css", { body: bytes(pico), contentType: CSS }],
    ["app.css", { body: bytes(app), contentType: CSS }],
    ["ibm-plex-sans.woff2", { body: new Uint8Array(sans), contentType: "font/woff2" }],
    ["ibm-plex-mono.woff2", { body: new Uint8Array(mono), contentType: "font/woff2" }],
  ]);
  for (const [name, body] of bundles) {
    named.set(name, { body: new Uint8Array(body), contentType: JAVASCRIPT });
  }
  const base = `/assets/${contentHash(named)}`;
  const files = new Map([...named].map(([name, asset]) => [`${base}/${name}`, asset]));
  files.set("/icon.svg", { body: bytes(icon), contentType: "image/svg+xml" });
  return {
    files,
    styles: [`${base}/pico.css`, `${base}/app.css`],
    scriptOf: (island) => bundles.has(`${island}.js`) ? `${base}/${island}.js` : null,
    warning,
  };
}

/** Bundles the islands. Throws the bundler's errors. */
export async function bundleIslands(): Promise<Bundles> {
  const result = await Deno.bundle({
    entrypoints: ISLANDS.map((name) =>
      fileURLToPath(new URL(`../../islands/${name}.tsx`, import.meta.url))
    ),
    // Nothing is written there, but the names of shared chunks are relative to it.
    outputDir: "bundle",
    platform: "browser",
    format: "esm",
    codeSplitting: true,
    minify: true,
    write: false,
  });
  if (!result.success) throw new Error(result.errors.map((error) => error.text).join("; "));
  return new Map(
    (result.outputFiles ?? []).map((file) => [
      file.path.slice(file.path.lastIndexOf("/") + 1),
      file.contents ?? new Uint8Array(),
    ]),
  );
}

function contentHash(files: ReadonlyMap<string, Asset>): string {
  const hash = createHash("sha256");
  for (const name of [...files.keys()].sort()) {
    hash.update(name).update("\0").update((files.get(name) as Asset).body);
  }
  return hash.digest("hex").slice(0, 16);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** The response with the file at this path. Throws a 404 {@link HttpError} if there is none. */
export function assetResponse({ files }: Assets, path: string, cacheControl: string): Response {
  const asset = files.get(path);
  if (asset === undefined) throw new HttpError(404);
  return new Response(asset.body, {
    headers: { "content-type": asset.contentType, "cache-control": cacheControl },
  });
}
