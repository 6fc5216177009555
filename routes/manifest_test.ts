import assert from "node:assert/strict";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { filesBelow } from "../tests/sources.ts";
import { METHODS } from "./(_server)/fresh/fresh.ts";
import { patternOf, specialNameOf } from "./(_server)/fresh/route_paths.ts";
import { manifest } from "./manifest.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/** The files that Fresh would find: no tests, and nothing in a folder such as `(_server)`. */
async function routeFiles(): Promise<string[]> {
  const found: string[] = [];
  for await (const path of filesBelow(FOLDER)) {
    const file = `./${relative(FOLDER, path).replaceAll("\\", "/")}`;
    const isRoute = /\.tsx?$/.test(file) && !/_test\.tsx?$/.test(file) &&
      !/\/\(_\w+\)\//.test(file);
    if (isRoute && file !== "./manifest.ts") found.push(file);
  }
  return found.toSorted();
}

Deno.test("the manifest has every route file under its own path", async () => {
  assert.deepEqual(Object.keys(manifest).toSorted(), await routeFiles());
  for (const [file, module] of Object.entries(manifest)) {
    assert.equal(await import(new URL(file, import.meta.url).href), module, file);
  }
});

Deno.test("the files are served at these URLs", () => {
  const served = Object.entries(manifest).filter(([file]) => specialNameOf(file) === null)
    .flatMap(([file, { handler = {} }]) => {
      const methods = METHODS.filter((method) => method in handler);
      assert.ok(methods.length > 0, `${file} has a handler`);
      return methods.map((method) => `${method} ${patternOf(file)}`);
    });
  assert.deepEqual(served.toSorted(), [
    "DELETE /api/clusters/:id",
    "DELETE /api/clusters/:id/kv/:key",
    "DELETE /api/clusters/:id/load",
    "DELETE /api/clusters/:id/nodes/:node",
    "DELETE /api/clusters/:id/plans/:plan",
    "GET /",
    "GET /api/clusters",
    "GET /api/clusters/:id",
    "GET /api/clusters/:id/events",
    "GET /api/clusters/:id/kv/:key",
    "GET /api/clusters/:id/load",
    "GET /api/clusters/:id/load/:run",
    "GET /api/clusters/:id/ring/:key",
    "GET /api/clusters/:id/transfers",
    "GET /api/docs",
    "GET /api/openapi.json",
    "GET /assets/:hash/:file",
    "GET /clusters/:id",
    "GET /icon.svg",
    "POST /api/clusters",
    "POST /api/clusters/:id/load",
    "POST /api/clusters/:id/load/:run/stop",
    "POST /api/clusters/:id/nodes",
    "POST /api/clusters/:id/nodes/:node/:act",
    "POST /api/clusters/:id/nodes/:node/replace",
    "POST /clusters",
    "POST /clusters/:id/commit",
    "POST /clusters/:id/discard",
    "POST /clusters/:id/end",
    "POST /clusters/:id/kv",
    "POST /clusters/:id/load",
    "POST /clusters/:id/nodes/:node/:act",
    "POST /clusters/:id/plan",
    "PUT /api/clusters/:id/kv/:key",
  ]);
});

Deno.test("every API route describes all of its methods", () => {
  const undescribed = ["./api/docs.ts", "./api/openapi.json.ts"];
  for (const [file, { handler, openapi }] of Object.entries(manifest)) {
    if (!file.startsWith("./api/") || undescribed.includes(file)) continue;
    assert.deepEqual(Object.keys(openapi ?? {}), Object.keys(handler ?? {}), file);
  }
});
