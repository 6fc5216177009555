/** Reads the project's source files for the tests of the house rules. */
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const SKIPPED = new Set([".git", "node_modules", "data", "out", "tmp"]);

export interface Source {
  /** Relative to the project's root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments, so that comments can mention what a rule bans. */
  readonly code: string;
  readonly isTest: boolean;
}

/** An import of one project file by another. */
interface Import {
  readonly from: string;
  /** The path of the imported file, relative to the project's root. */
  readonly target: string;
  /** The names that are imported; null for all of them. */
  readonly names: readonly string[] | null;
}

export async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

export async function sources(): Promise<Source[]> {
  const found: Source[] = [];
  for await (const file of filesBelow(PROJECT)) {
    if (!/\.tsx?$/.test(file)) continue;
    const path = relative(PROJECT, file).replaceAll("\\", "/");
    found.push(sourceOf(path, await Deno.readTextFile(file)));
  }
  return found;
}

export function sourceOf(path: string, text: string): Source {
  const isTest = /_test\.tsx?$/.test(path) || path.startsWith("tests/");
  return { path, text, code: withoutComments(text), isTest };
}

/** Sufficient for this project: apart from URLs, no string contains the start of a comment. */
function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => "\n".repeat(comment.split("\n").length - 1))
    .replace(/(^|[^:"'`/])\/\/.*$/gm, "$1");
}

const STATIC_IMPORT =
  /^(?:import|export)\s+(?:type\s+)?((?:\w+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?)?)\s*from\s+"(\.[^"]+)"/gm;
const LATE_IMPORT = /\bimport\("(\.[^"]+)"\)/g;
const FILE_URL = /\bnew URL\(\s*"(\.[^"]*)",\s*import\.meta\.url/g;

/** The imports of other project files, including type imports. */
export function importsOf({ path, code }: Source): Import[] {
  const targetOf = (specifier: string) => normalize(join(dirname(path), specifier));
  const fixed = [...code.matchAll(STATIC_IMPORT)].map(([, clause = "", specifier = ""]) => ({
    from: path,
    target: targetOf(specifier),
    names: namesIn(clause),
  }));
  const late = [...code.matchAll(LATE_IMPORT)].map(([, specifier = ""]) => ({
    from: path,
    target: targetOf(specifier),
    names: null,
  }));
  return [...fixed, ...late];
}

/** The imported names of `a, { b, type c as d }`; null for `*`. */
function namesIn(clause: string): string[] | null {
  if (clause.includes("*")) return null;
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? "";
  const named = braces.split(",").map((each) => each.trim()).filter((each) => each !== "")
    .map((each) => each.replace(/^type\s+/, "").split(/\s+as\s+/)[0] as string);
  return /^\w/.test(clause) ? ["default", ...named] : named;
}

/** The paths in `new URL("…", import.meta.url)`, relative to the project's root. */
export function fileUrlsOf({ path, code }: Source): string[] {
  return [...code.matchAll(FILE_URL)]
    .map(([, specifier = ""]) => normalize(join(dirname(path), specifier)));
}

const EXPORT =
  /^export\s+(default\s+)?(?:async\s+|abstract\s+)?(?:const|let|function\*?|class|interface|type|enum)\s+(\w+)/gm;

export function exportsOf({ code }: Source): string[] {
  return [...code.matchAll(EXPORT)]
    .map(([, isDefault, name = ""]) => isDefault === undefined ? name : "default");
}

/** The groups of files that import each other in a circle, each group sorted. */
export function circlesIn(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, target } of imports) {
    targets.set(from, [...targets.get(from) ?? [], target]);
  }
  // Tarjan's algorithm (1972) for strongly connected components.
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file) as number);
    stack.push(file);
    for (const target of targets.get(file) ?? []) {
      if (!order.has(target)) visit(target);
      if (!stack.includes(target)) continue;
      lowest.set(file, Math.min(lowest.get(file) as number, lowest.get(target) as number));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1 || targets.get(file)?.includes(file) === true) {
      circles.push(circle.toSorted());
    }
  };
  for (const file of targets.keys()) if (!order.has(file)) visit(file);
  return circles;
}
