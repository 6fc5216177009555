/**
 * House rules about the structure: the direction of imports between rooms, no circular imports, no
 * unused exports, and no imports of missing files.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  circlesIn,
  exportsOf,
  fileUrlsOf,
  importsOf,
  PROJECT,
  type Source,
  sourceOf,
  sources,
} from "./sources.ts";

/** The rooms that each room may import. npm packages are listed in `deno.json`. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "lib/dynamo": ["lib/dynamo"],
  "lib/random": ["lib/random", "lib/dynamo"],
  "lib/simulation": ["lib/simulation", "lib/random", "lib/dynamo"],
  "lib/client": ["lib/client", "lib/random", "lib/dynamo"],
  "lib/experiments": [
    "lib/experiments",
    "lib/client",
    "lib/simulation",
    "lib/random",
    "lib/dynamo",
  ],
  "nodes": ["nodes", "lib"],
  "islands/models": ["islands/models", "lib"],
  "components": ["components", "islands/models", "lib"],
  "islands": ["islands", "components", "lib"],
  "routes": ["routes", "islands", "components", "nodes", "lib", "static", "deno.json"],
  "cli": ["cli", "nodes", "lib", "routes", "deno.json"],
};

const isBelow = (path: string, room: string) => path === room || path.startsWith(`${room}/`);

/** The innermost room of the file. */
function roomOf(path: string): string | undefined {
  return Object.keys(ROOMS).filter((room) => isBelow(path, room))
    .toSorted((a, b) => b.length - a.length)[0];
}

Deno.test("structure: rooms import only in the direction that ARCHITECTURE.md shows", async () => {
  const wrong = (await sources()).filter(({ isTest }) => !isTest).flatMap((source) => {
    const room = roomOf(source.path);
    if (room === undefined) return [];
    const allowed = ROOMS[room] as readonly string[];
    return importsOf(source)
      .filter(({ target }) => !allowed.some((name) => isBelow(target, name)))
      .map(({ target }) => `${source.path} imports ${target}`);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("structure: there are no circular imports, including type imports", async () => {
  assert.deepEqual(circlesIn((await sources()).flatMap(importsOf)), []);
});

Deno.test("structure: every file that an import or a URL names exists", async () => {
  const missing: string[] = [];
  for (const source of await sources()) {
    const named = [...importsOf(source).map(({ target }) => target), ...fileUrlsOf(source)];
    for (const target of named) {
      const isThere = await Deno.stat(join(PROJECT, target)).then(() => true, () => false);
      if (!isThere) missing.push(`${source.path} names ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** Files whose exports are for users of the project: the client library's types. */
const PUBLIC = new Set(["lib/client/client.ts"]);

function unusedExports(files: readonly Source[]): string[] {
  const used = new Set<string>();
  const whole = new Set<string>();
  for (const { target, names } of files.flatMap(importsOf)) {
    if (names === null) whole.add(target);
    for (const name of names ?? []) used.add(`${target} ${name}`);
  }
  return files.filter(({ path }) => !whole.has(path) && !PUBLIC.has(path))
    .flatMap((file) => exportsOf(file).map((name) => `${file.path} ${name}`))
    .filter((name) => !used.has(name));
}

Deno.test("structure: every export is used in another file", async () => {
  assert.deepEqual(unusedExports(await sources()), []);
});

Deno.test("structure: the rules find violations in example files", () => {
  const files = [
    sourceOf("a.ts", 'import type { B } from "./b.ts";\nexport class A {}\n// import("./no.ts")'),
    sourceOf("b.ts", 'import c, { type A as D } from "./a.ts";\nexport type B = D;'),
    sourceOf("c.ts", "await imp" + 'ort("./d.ts");\nnew URL("./e.ts", import.meta.url);'),
    sourceOf("d.ts", "export const lone = 1;\nexport default function d() {}"),
    sourceOf("e.ts", 'export { f } from "./b.ts";\nexport async function* unused() {}'),
  ];
  const imports = files.flatMap(importsOf);
  assert.deepEqual(imports.map(({ from, target, names }) => [from, target, names]), [
    ["a.ts", "b.ts", ["B"]],
    ["b.ts", "a.ts", ["default", "A"]],
    ["c.ts", "d.ts", null],
    ["e.ts", "b.ts", ["f"]],
  ]);
  assert.deepEqual(circlesIn(imports), [["a.ts", "b.ts"]]);
  assert.deepEqual(circlesIn(imports.slice(1)), []);
  assert.deepEqual(files.flatMap(fileUrlsOf), ["e.ts"]);
  assert.deepEqual(unusedExports(files), ["e.ts unused"]);
});
