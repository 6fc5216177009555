/** Where a file below `routes/` is served: `./clusters/[id]/end.ts` at `/clusters/:id/end`. */

/** The URL's segments, with parameters as `[name]`. */
function segmentsOf(file: string): string[] {
  const segments = file.replace(/^\.\//, "").replace(/\.tsx?$/, "").split("/");
  return segments.at(-1) === "index" ? segments.slice(0, -1) : segments;
}

/** As Hono and Fresh write it: `/clusters/:id`. */
export function patternOf(file: string): string {
  return `/${segmentsOf(file).map((each) => each.replace(/^\[(\w+)\]$/, ":$1")).join("/")}`;
}

/** As OpenAPI writes it: `/clusters/{id}`. */
export function openApiPathOf(file: string): string {
  return `/${segmentsOf(file).map((each) => each.replace(/^\[(\w+)\]$/, "{$1}")).join("/")}`;
}

/** `_app`, `_error` or `_middleware` for a file that is no route itself; null for a route. */
export function specialNameOf(file: string): string | null {
  return /\/(_\w+)\.tsx?$/.exec(file)?.[1] ?? null;
}

/** Orders files so that a segment that is written out is tried before a parameter in its place. */
export function byPath(a: string, b: string): number {
  const [left, right] = [segmentsOf(a), segmentsOf(b)];
  for (const [i, segment] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    if (segment === other) continue;
    const [isParameter, otherIs] = [segment.startsWith("["), other.startsWith("[")];
    if (isParameter !== otherIs) return isParameter ? 1 : -1;
    return segment < other ? -1 : 1;
  }
  return left.length - right.length;
}
