import { deepEqual, equal } from "node:assert/strict";
import { byPath, openApiPathOf, patternOf, specialNameOf } from "./route_paths.ts";

Deno.test("a file's path is its URL", () => {
  const cases = [
    ["./index.tsx", "/", "/"],
    ["./clusters/index.tsx", "/clusters", "/clusters"],
    ["./clusters/[id].tsx", "/clusters/:id", "/clusters/{id}"],
    ["./clusters/[id]/index.ts", "/clusters/:id", "/clusters/{id}"],
    ["./api/openapi.json.ts", "/api/openapi.json", "/api/openapi.json"],
    ["./a/[node]/[act].ts", "/a/:node/:act", "/a/{node}/{act}"],
  ] as const;
  for (const [file, pattern, openApiPath] of cases) {
    equal(patternOf(file), pattern);
    equal(openApiPathOf(file), openApiPath);
  }
});

Deno.test("files that begin with an underscore are not routes", () => {
  equal(specialNameOf("./_app.tsx"), "_app");
  equal(specialNameOf("./api/_middleware.ts"), "_middleware");
  equal(specialNameOf("./clusters/[id].tsx"), null);
});

Deno.test("a literal segment comes before a parameter, and a path before the paths below it", () => {
  const files = ["./a/[x]/[y].ts", "./a/[x]/stop.ts", "./a/[x].ts", "./a/b/[y].ts", "./a.ts"];
  deepEqual(files.toSorted(byPath), [
    "./a.ts",
    "./a/b/[y].ts",
    "./a/[x].ts",
    "./a/[x]/stop.ts",
    "./a/[x]/[y].ts",
  ]);
});
