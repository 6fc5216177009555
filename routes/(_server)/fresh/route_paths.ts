/** Maps route files to URLs: `./clusters/[id]/end.ts` is served at `/clusters/:id/end`. */

/** The URL's segments; a parameter is `[name]`. */
function segmentsOf(file: string): string[] {
  const segments = file.replace(/^\.\//, "").replace(/\.tsx?$/, "").split("/");
  return segments.at(-1) === "index" ? segments.slice(0, -1) : segments;
}

/** The path as Hono and Fresh write it: `/clusters/:id`. */
export function patternOf(file: string): string {
  return `/${segmentsOf(file).map((each) => each.replace(/^\[(\w+)\]$/, ":$1")).join("/")}`;
}

/** The path as OpenAPI writes it: `/clusters/{id}`. */
export function openApiPathOf(file: string): string {
  return `/${segmentsOf(file).map((each) => each.replace(/^\[(\w+)\]$/, "{$1}")).join("/")}`;
}

/** `_app`, `_error` or `_middleware` for a special file; null for a route. */
export function specialNameOf(file: string): string | null {
  return /\/(_\w+)\.tsx?$/.exec(file)?.[1] ?? null;
}

/** Sorts files so that a literal segment comes before a parameter in the same place. */
export function byPath(a: string, b: string): number {
  const [left, right] = [segmentsOf(a), segmentsOf(b)];
  for (const [i, segment] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    if (segment === other) continue;
    const [isParameter, otherIsParameter] = [segment.startsWith("["), other.startsWith("[")];
    if (isParameter !== otherIsParameter) return isParameter ? 1 : -1;
    return segment < other ? -1 : 1;
  }
  return left.length - right.length;
}
