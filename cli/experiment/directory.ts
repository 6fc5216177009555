/**
 * The directory of a run. Each finished point is appended to `points.jsonl` at once, so that a
 * stopped run can continue. All other files are made from it and from the catalogue:
 *
 *     points.jsonl  result.json  rows.csv  <series>.csv  <plot>.svg  report.html
 */
import { join } from "node:path";
import { z } from "zod";
import { prepare } from "../../lib/experiments/catalogue/catalogue.ts";
import { ENGINES, type Prepared } from "../../lib/experiments/experiment.ts";
import { rowsToCsv } from "../../lib/experiments/report/csv.ts";
import { plotSvg } from "../../lib/experiments/report/plot_svg.ts";
import { reportHtml } from "../../lib/experiments/report/report_html.ts";
import { type PointResult, readPoint, type Result } from "../../lib/experiments/report/result.ts";

/** Identifies a run. A directory contains one run, and only the same run may continue in it. */
const runHeader = z.object({
  experiment: z.string(),
  engine: z.enum(ENGINES),
  seed: z.string(),
  /** The parameters, as given. */
  given: z.record(z.string(), z.string()),
  points: z.int().min(0),
  shard: z.string().nullable(),
  startedAt: z.string(),
});
export type RunHeader = Readonly<z.infer<typeof runHeader>>;

interface StoredRun {
  readonly header: RunHeader;
  readonly points: readonly PointResult[];
}

/** A directory cannot be used. The message says which one and why. */
export class DirectoryError extends Error {
  override name = "DirectoryError";
}

const POINTS = "points.jsonl";

/**
 * Reads the run in a directory; null without one. Throws {@link DirectoryError} for an invalid
 * file.
 */
export async function readRun(dir: string): Promise<StoredRun | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(join(dir, POINTS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new DirectoryError(`Cannot read ${join(dir, POINTS)}: ${messageOf(error)}`);
  }
  const lines = text.split("\n").filter((line) => line !== "");
  const parsed = lines.flatMap((line, i) => {
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      // The last line may be incomplete if the run was killed while writing it.
      if (i === lines.length - 1 && i > 0) return [];
      throw new DirectoryError(`${join(dir, POINTS)}: line ${i + 1} is not JSON`);
    }
  });
  const head = runHeader.safeParse(parsed[0]);
  if (!head.success) {
    throw new DirectoryError(`${join(dir, POINTS)}: line 1 is not the header of a run`);
  }
  return { header: head.data, points: readPoints(dir, head.data, parsed.slice(1)) };
}

/**
 * The points of a run, each once. Throws {@link DirectoryError} with the line of an invalid one.
 */
function readPoints(dir: string, header: RunHeader, lines: readonly unknown[]): PointResult[] {
  const points = new Map<number, PointResult>();
  for (const [i, line] of lines.entries()) {
    const place = `${join(dir, POINTS)}: line ${i + 2}`;
    let point: PointResult;
    try {
      point = readPoint(line);
    } catch (error) {
      throw new DirectoryError(`${place}: ${messageOf(error)}`);
    }
    if (point.index >= header.points) {
      const last = header.points - 1;
      throw new DirectoryError(`${place}: 'index' must be from 0 to ${last}: it is ${point.index}`);
    }
    points.set(point.index, point);
  }
  return [...points.values()];
}

/** The difference between the stored run and the requested one; null when they are the same. */
export function difference(stored: RunHeader, asked: RunHeader): string | null {
  for (const field of ["experiment", "engine", "seed", "shard", "points"] as const) {
    if (stored[field] !== asked[field]) {
      return `${field} is ${stored[field] ?? "whole"} there and ${asked[field] ?? "whole"} here`;
    }
  }
  const sets = (header: RunHeader) => JSON.stringify(Object.entries(header.given).toSorted());
  return sets(stored) === sets(asked) ? null : "the parameters differ";
}

/** The file of a run, open for appending points. */
export class RunFile {
  private constructor(private readonly file: Deno.FsFile) {}

  /** Writes the header and the `kept` points, and opens the file. */
  static async open(
    dir: string,
    header: RunHeader,
    kept: readonly PointResult[],
  ): Promise<RunFile> {
    await Deno.mkdir(dir, { recursive: true });
    const text = [header, ...kept].map((line) => JSON.stringify(line) + "\n").join("");
    const path = join(dir, POINTS);
    // The file is renamed into place, so that a crash loses no points.
    await Deno.writeTextFile(`${path}.new`, text);
    await Deno.rename(`${path}.new`, path);
    return new RunFile(await Deno.open(path, { append: true }));
  }

  add(point: PointResult): void {
    let bytes = new TextEncoder().encode(JSON.stringify(point) + "\n");
    while (bytes.length > 0) bytes = bytes.subarray(this.file.writeSync(bytes));
  }

  close(): void {
    this.file.close();
  }
}

/** Writes the result, tables, plots and report. Returns the names of the files. */
export async function writeReports(
  dir: string,
  prepared: Prepared,
  result: Result,
): Promise<string[]> {
  const files: [string, string][] = [
    ["result.json", JSON.stringify(result, null, 2) + "\n"],
    ["rows.csv", rowsToCsv(result.rows)],
    ...Object.entries(result.series).map(([name, rows]): [string, string] => [
      `${name}.csv`,
      rowsToCsv(rows),
    ]),
    ...prepared.experiment.plots.flatMap((spec): [string, string][] => {
      const svg = plotSvg(spec, result);
      return svg === null ? [] : [[`${spec.name}.svg`, svg]];
    }),
    ["report.html", reportHtml(prepared.experiment, result)],
  ];
  await Deno.mkdir(dir, { recursive: true });
  for (const [name, text] of files) await Deno.writeTextFile(join(dir, name), text);
  return files.map(([name]) => name);
}

/**
 * Combines the shards of a grid. Throws {@link DirectoryError} when a directory contains no run, or
 * when the runs differ in more than their shard.
 */
export async function mergeRuns(
  dirs: readonly string[],
): Promise<StoredRun & { prepared: Prepared }> {
  const runs = await Promise.all(dirs.map(async (dir) => {
    const run = await readRun(dir);
    if (run === null) throw new DirectoryError(`${dir} contains no run: it has no ${POINTS}`);
    return { dir, ...run };
  }));
  const [first] = runs;
  if (first === undefined) throw new DirectoryError("at least one directory is needed");
  const whole = { ...first.header, shard: null };
  for (const { dir, header } of runs) {
    const differs = difference(whole, { ...header, shard: null });
    if (differs !== null) {
      throw new DirectoryError(`${dir} contains another run than ${first.dir}: ${differs}`);
    }
  }
  // A point has the same result wherever it ran, so any copy will do.
  const points = new Map(runs.flatMap((run) => run.points.map((point) => [point.index, point])));
  const startedAt = runs.map(({ header }) => header.startedAt).toSorted()[0] ?? whole.startedAt;
  const prepared = prepare(whole.experiment, whole.engine, whole.given);
  if (prepared.pointCount !== whole.points) {
    throw new DirectoryError(
      `${first.dir} contains a run of ${whole.points} points: '${whole.experiment}' now has ` +
        `${prepared.pointCount}`,
    );
  }
  return {
    prepared,
    header: { ...whole, startedAt },
    points: [...points.values()].toSorted((a, b) => a.index - b.index),
  };
}

/** Throws instead of overwriting another run, or points that are not among the merged ones. */
export async function requireOwn(
  out: string,
  header: RunHeader,
  points: readonly PointResult[],
): Promise<void> {
  const stored = await readRun(out);
  if (stored === null) return;
  const differs = difference({ ...stored.header, shard: null }, header);
  const there = new Set(points.map(({ index }) => index));
  const lost = stored.points.filter(({ index }) => !there.has(index)).length;
  if (differs === null && lost === 0) return;
  const why = differs ?? `${lost} of its points are in none of the merged runs`;
  throw new DirectoryError(`--out ${out} contains another run: ${why}. Choose another directory`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `${error}`;
}
