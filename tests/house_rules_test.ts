/**
 * House rules about the text of files: banned calls and forbidden content. CONTRIBUTING.md gives the
 * reasons. `structure_test.ts` has the rules about imports and exports.
 */
import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { filesBelow, PROJECT, type Source, sources } from "./sources.ts";

const LINES_MAX = 450;

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

const CORE = (source: Source) => !source.isTest && /^lib\/(dynamo|simulation)\//.test(source.path);
const LIB = (source: Source) => !source.isTest && source.path.startsWith("lib/");

Deno.test("house: the only dependency of the core is a hash", async () => {
  const packages = (await sources())
    .filter(({ path, isTest }) => path.startsWith("lib/dynamo/") && !isTest)
    .flatMap(({ path, code }) =>
      [...code.matchAll(/from\s+"([^.][^"]*)"/g)].map((found) => `${path}: ${found[1]}`)
    )
    .filter((found) => !found.endsWith(": js-md5"));
  assert.deepEqual(packages, []);
});

Deno.test("house: the core and the simulator use no clock, randomness or waiting of the platform", async () => {
  const files = await sources();
  assert.ok(files.filter(CORE).length > 20, "the rule must apply to some files");
  const banned =
    /\b(Date\.now|performance\.now|Math\.random|setTimeout|setInterval|queueMicrotask|await|async|crypto\.subtle)\b/;
  assert.deepEqual(violations(files, banned, CORE), []);
});

Deno.test("house: lib runs everywhere: no Deno, Node or DOM API", async () => {
  const files = await sources();
  assert.deepEqual(violations(files, /\bDeno\.|from "node:|\bdocument\.|\bwindow\./, LIB), []);
});

Deno.test("house: no test is skipped or focused", async () => {
  const files = await sources();
  const banned = /\b(ignore|only):\s*true|\b(test|it|describe)\.(skip|only|ignore)\b/;
  assert.deepEqual(violations(files, banned, (source) => source.isTest), []);
});

Deno.test("house: no suppression of the compiler or the linter without a reason", async () => {
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

Deno.test("house: all packages come from npm, with pinned versions", async () => {
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

/** Retired private names; ARCHITECTURE.md, "Glossary", has the usual ones. Case-sensitive. */
const RETIRED = [
  "parcels?|Parcels?|Post|sabotage|Sabotage|PlantedBug|bugNamed|BUGS",
  "leftovers?|Leftovers?|LeftoverCall|dialogue|Dialogue|Outcomes|MomentHeap",
  "takeovers?|Takeovers?|handover|Handover|stewards?|stewardOf|leavers?|Leavers?|joiners?",
  "stretch(es)?|Stretch|stretches(Of|At)|standings?|Standings?|onStanding",
  "founding|Founding|foundings|founded|founds|foundRing|foundedPart|FoundedConfig|founders?|refound",
  "outsiders?|AdmissionError|participants?|Participants?",
  "complaints?|complain|complaintAbout\\w*|NodeKeeper|weigh|rosters?|Rosters?|proven",
].join("|");

Deno.test("house: no retired name is used", async () => {
  const retired = new RegExp(`(?<![\\w$])(${RETIRED})(?![\\w$])`);
  const files = (await sources())
    .filter(({ path }) => path !== "tests/house_rules_test.ts")
    .map((source) => ({
      ...source,
      code: source.code
        // The name of a random generator: with another name, every seed would give another ring.
        .replaceAll('child("founding")', ""),
    }));
  assert.deepEqual(violations(files, retired, () => true), []);
});

Deno.test("house: no spread of an object literal, which only avoids line breaks", async () => {
  assert.deepEqual(violations(await sources(), /\.\.\.\{ *\w/, () => true), []);
});

Deno.test(`house: files have at most ${LINES_MAX} lines`, async () => {
  const long = (await sources())
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ lines }) => lines > LINES_MAX);
  assert.deepEqual(long, []);
});

Deno.test("house: no machine paths, registry hosts or open tasks in any file", async () => {
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
