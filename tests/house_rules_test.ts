/**
 * House rules, kept by a test instead of by memory: which room may import which, what may not be
 * called where, and what no file may hold. CONTRIBUTING.md gives the reasons.
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const SKIPPED = new Set([".git", "node_modules", "data", "out", "tmp"]);
const LINES_MAX = 450;

interface Source {
  readonly path: string;
  readonly text: string;
  /** Without comments, so that a rule may be named where it is explained. */
  readonly code: string;
  readonly isTest: boolean;
}

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

async function sources(): Promise<Source[]> {
  const found: Source[] = [];
  for await (const file of filesBelow(PROJECT)) {
    if (!/\.tsx?$/.test(file)) continue;
    const path = relative(PROJECT, file).replaceAll("\\", "/");
    const text = await Deno.readTextFile(file);
    const isTest = /_test\.tsx?$/.test(path) || path.startsWith("tests/");
    found.push({ path, text, code: withoutComments(text), isTest });
  }
  return found;
}

/** Enough for this code base: no string here holds a comment's beginning, but for URLs. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => "\n".repeat(comment.split("\n").length - 1))
    .replace(/(^|[^:"'`/])\/\/.*$/gm, "$1");
}

function violations(
  files: readonly Source[],
  pattern: RegExp,
  among: (source: Source) => boolean,
): string[] {
  return files.filter(among).flatMap(({ path, code }) =>
    code.split("\n").flatMap((line, i) =>
      pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []
    )
  );
}

/** For each room, the rooms that it may import; npm packages are the business of `deno.json`. */
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
  "components": ["components", "islands", "lib"],
  "islands": ["islands", "components", "lib"],
  "routes": ["routes", "islands", "components", "nodes", "lib", "static", "deno.json"],
  "cli": ["cli", "nodes", "lib", "routes", "deno.json"],
};

const CORE = (source: Source) => !source.isTest && /^lib\/(dynamo|simulation)\//.test(source.path);
const LIB = (source: Source) => !source.isTest && source.path.startsWith("lib/");

Deno.test("house: rooms import only in the direction that ARCHITECTURE.md draws", async () => {
  const wrong: string[] = [];
  for (const { path, code, isTest } of await sources()) {
    const room = Object.keys(ROOMS).find((name) => path.startsWith(`${name}/`));
    if (room === undefined || isTest) continue;
    for (const [, target = ""] of code.matchAll(/from\s+"(\.[^"]+)"|import\("(\.[^"]+)"\)/g)) {
      const reached = relative(PROJECT, join(PROJECT, dirname(path), target));
      const allowed = ROOMS[room] as readonly string[];
      if (!allowed.some((name) => reached === name || reached.startsWith(`${name}/`))) {
        wrong.push(`${path} imports ${reached}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("house: the core depends on nothing but a hash", async () => {
  const packages = (await sources())
    .filter(({ path, isTest }) => path.startsWith("lib/dynamo/") && !isTest)
    .flatMap(({ path, code }) =>
      [...code.matchAll(/from\s+"([^.][^"]*)"/g)].map((found) => `${path}: ${found[1]}`)
    )
    .filter((found) => !found.endsWith(": js-md5"));
  assert.deepEqual(packages, []);
});

Deno.test("house: no clock, chance or waiting of its own in the core and the simulator", async () => {
  const files = await sources();
  assert.ok(files.filter(CORE).length > 20, "the rule looks at something");
  const banned =
    /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|queueMicrotask|await|async|crypto\.subtle)\b/;
  assert.deepEqual(violations(files, banned, CORE), []);
});

Deno.test("house: lib runs anywhere: no Deno, no Node, no document", async () => {
  const files = await sources();
  assert.deepEqual(violations(files, /\bDeno\.|from "node:|\bdocument\.|\bwindow\./, LIB), []);
});

Deno.test("house: no test is skipped or focused", async () => {
  const files = await sources();
  const banned = /\b(ignore|only):\s*true|\b(test|it|describe)\.(skip|only|ignore)\b/;
  assert.deepEqual(violations(files, banned, (source) => source.isTest), []);
});

Deno.test("house: no unexplained way around the compiler or the linter", async () => {
  const files = (await sources()).filter(({ path }) => path !== "tests/house_rules_test.ts");
  const unexplained = files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, i) => {
      const silenced = /@ts-(ignore|nocheck|expect-error)|(deno|eslint)-lint-ignore/;
      return silenced.test(line) && !/--\s\S|@ts-expect-error\s+\S/.test(line)
        ? [`${path}:${i + 1}: ${line.trim()}`]
        : [];
    })
  );
  assert.deepEqual(unexplained, []);
  assert.deepEqual(violations(files, /\bas any\b|<any>/, () => true), []);
});

Deno.test("house: packages come from npm, pinned, and nothing else is fetched", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(join(PROJECT, "deno.json")));
  for (const [name, target] of Object.entries(imports as Record<string, string>)) {
    assert.match(target, /^npm:\/?(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+/, `${name} is pinned`);
  }
  const files = await sources();
  assert.deepEqual(
    violations(files, /from "(jsr:|https?:)|import\("(jsr:|https?:)/, () => true),
    [],
  );
});

Deno.test("house: files stay small enough to be read in one sitting", async () => {
  const long = (await sources())
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ lines }) => lines > LINES_MAX);
  assert.deepEqual(long, []);
});

Deno.test("house: nothing names a machine's paths or a registry's host, and no task is left open", async () => {
  const wrong: string[] = [];
  for await (const file of filesBelow(PROJECT)) {
    const path = relative(PROJECT, file);
    if (!/\.(tsx?|md|json|lock|css|txt|ya?ml)$|^\.ci\//.test(path)) continue;
    if (path === join("tests", "house_rules_test.ts")) continue;
    const text = await Deno.readTextFile(file);
    text.split("\n").forEach((line, i) => {
      const local = /\/(home|root|work)\/[a-z]|registry\.npmjs|\/\/registry\.|\.\.\/shared\//;
      if (local.test(line) || /\b(TODO|FIXME|XXX)\b/.test(line)) {
        wrong.push(`${path}:${i + 1}: ${line.trim().slice(0, 120)}`);
      }
    });
  }
  assert.deepEqual(wrong, []);
});
