/**
 * The report of a run: one self-contained HTML file, for light and dark, that loads nothing. The
 * question comes first, then the results, then how they were made.
 */
import type { Cell, Experiment, Row } from "../experiment.ts";
import { formatValue } from "../parameters.ts";
import { columnsOf } from "./csv.ts";
import { escaped, plotSvg } from "./plot_svg.ts";
import type { Comparison, Result } from "./result.ts";

/** Longer tables are cut; the CSV has all rows. */
const ROWS_SHOWN_MAX = 200;

const STYLE =
  `:root{color-scheme:light dark;--fg:#1b2430;--dim:#55606e;--bg:#fff;--line:#d6dbe1;--soft:#f3f5f7;--ok:#136c3f;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--fg:#e6eaf0;--dim:#a3adba;--bg:#12161c;--line:#333c47;--soft:#1b2129;--ok:#63d297;--bad:#ff8a80}}
*{box-sizing:border-box}body{margin:0 auto;padding:2rem 1.2rem 4rem;max-width:60rem;font:16px/1.55 system-ui,sans-serif;color:var(--fg);background:var(--bg)}
h1{margin:0;font-size:1.7rem}h2{margin:2.2rem 0 .6rem;font-size:1.2rem}.question{font-size:1.15rem;margin:.3rem 0 1rem}.dim{color:var(--dim)}
figure{margin:1rem 0;overflow-x:auto}figure svg{width:100%;min-width:38rem;height:auto;color:var(--fg)}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}th,td{padding:.28rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td.n,th.n{text-align:right}thead th{border-bottom:2px solid var(--line);white-space:nowrap}code,pre{font-family:ui-monospace,monospace;font-size:.86rem}
pre{padding:.8rem 1rem;background:var(--soft);border:1px solid var(--line);border-radius:6px;overflow-x:auto}@media(max-width:40rem){.scroll table{min-width:34rem}}.ok{color:var(--ok)}.bad{color:var(--bad)}td.ok,td.bad{white-space:nowrap}.notice{padding:.6rem 1rem;border:1px solid var(--line);border-left:4px solid var(--bad);background:var(--soft)}`;

/** The report as one HTML file. */
export function reportHtml(experiment: Experiment, result: Result): string {
  const sections = [
    notice(result),
    plots(experiment, result),
    section("How to read it", `<p>${escaped(experiment.reading)}</p>`),
    checks(result),
    published(result),
    section("Measured", table(result.rows, experiment.columns)),
    columns(experiment, result),
    parameters(experiment, result),
    provenance(result),
  ];
  const body = `<p class="dim">Dynamo Simulator · experiment <code>${
    escaped(experiment.name)
  }</code> · engine ${result.engine}</p>
<h1>${escaped(experiment.title)}</h1>
<p class="question">${escaped(experiment.question)}</p>
<p class="dim">Reproduces ${escaped(experiment.reproduces)}. Varied: ${
    escaped(experiment.varies)
  }.</p>
${sections.filter((part) => part !== "").join("\n")}`;
  return reportPage(experiment.title, body);
}

/** A page in the style of the reports. It loads nothing. */
export function reportPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)} · Dynamo Simulator</title><style>${STYLE}</style></head><body>
${body}
</body></html>
`;
}

function section(title: string, body: string): string {
  return `<section><h2>${escaped(title)}</h2>${body}</section>`;
}

function notice({ environment: { points, shard } }: Result): string {
  const part = shard === null ? "" : ` This is shard ${shard} of the grid.`;
  if (points.done === points.total) return part === "" ? "" : `<p class="notice">${part}</p>`;
  return `<p class="notice">${points.done} of ${points.total} points are done, so nothing was checked.` +
    `${part} Run the command again to continue.</p>`;
}

function plots(experiment: Experiment, result: Result): string {
  return experiment.plots.map((spec) => {
    const svg = plotSvg(spec, result);
    return svg === null ? "" : `<figure tabindex="0">${svg}</figure>`;
  }).join("\n");
}

function checks({ checks }: Result): string {
  if (checks.length === 0) return "";
  const rows = checks.map(({ name, passed, measured, accepted }) =>
    `<tr><td class="${passed ? "ok" : "bad"}">${passed ? "✓ passed" : "✗ failed"}</td>` +
    `<td>${escaped(name)}</td><td class="n">${shown(measured)}</td><td>${
      escaped(accepted)
    }</td></tr>`
  );
  const head =
    `<thead><tr><th></th><th>check</th><th class="n">measured</th><th>accepted</th></tr></thead>`;
  return section("Checks", wrapped(`<table>${head}<tbody>${rows.join("")}</tbody></table>`));
}

function published({ reference }: Result): string {
  if (reference === null) return "";
  const note = reference.note === null ? "" : `<p class="dim">${escaped(reference.note)}</p>`;
  const source = `<p class="dim">Source: ${escaped(reference.source)}.</p>`;
  const { comparisons } = reference;
  const body = comparisons.length === 0
    ? `<p>The published figures are for other parameters.</p>${table(reference.rows, {})}`
    : comparisonTable(comparisons);
  return section("Published and measured", source + note + body);
}

function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ row, column, published, measured, relativeError }): Row => ({
    ...row,
    figure: column,
    published,
    measured,
    "relative error": relativeError === null ? null : `${(100 * relativeError).toFixed(1)}%`,
  }));
  return table(rows, {});
}

function columns(experiment: Experiment, result: Result): string {
  const found = columnsOf(result.rows).filter((column) => experiment.columns[column] !== undefined);
  if (found.length === 0) return "";
  const items = found.map((column) =>
    `<tr><td><code>${escaped(column)}</code></td><td>${
      escaped(experiment.columns[column] ?? "")
    }</td></tr>`
  );
  return section("Columns", wrapped(`<table><tbody>${items.join("")}</tbody></table>`));
}

function parameters(experiment: Experiment, result: Result): string {
  const rows = Object.entries(result.parameters).map(([name, value]) => {
    const parameter = experiment.parameters[name];
    return `<tr><td><code>${escaped(name)}</code></td><td>${escaped(formatValue(value))}</td>` +
      `<td>${escaped(parameter?.about ?? "")}</td><td class="dim">${
        escaped(parameter?.allowed ?? "")
      }</td></tr>`;
  });
  const head =
    "<thead><tr><th>parameter</th><th>value</th><th>meaning</th><th>allowed</th></tr></thead>";
  return section("Parameters", wrapped(`<table>${head}<tbody>${rows.join("")}</tbody></table>`));
}

function provenance({ environment, seed, startedAt, durationMs }: Result): string {
  const facts: [string, string][] = [
    ["seed", seed],
    ["started", startedAt],
    ["work", `${(durationMs / 1_000).toFixed(1)} s on ${environment.cores} cores`],
    ["version", environment.version],
    ["runtime", environment.runtime],
    ["system", environment.os],
    ["points", `${environment.points.done} of ${environment.points.total}`],
  ];
  const rows = facts.map(([name, text]) => `<tr><td>${name}</td><td>${escaped(text)}</td></tr>`);
  return section(
    "Repeat it",
    `<pre>${escaped(environment.command)}</pre>${
      wrapped(`<table><tbody>${rows.join("")}</tbody></table>`)
    }`,
  );
}

function table(rows: readonly Row[], abouts: Readonly<Record<string, string>>): string {
  const names = columnsOf(rows);
  const isNumber = new Map(
    names.map((name) => [name, rows.every((row) => typeof (row[name] ?? 0) === "number")]),
  );
  const kind = (name: string) => isNumber.get(name) === true ? ' class="n"' : "";
  const head = names.map((name) =>
    `<th${kind(name)} title="${escaped(abouts[name] ?? "")}">${escaped(name)}</th>`
  );
  const body = rows.slice(0, ROWS_SHOWN_MAX).map((row) =>
    `<tr>${names.map((name) => `<td${kind(name)}>${shown(row[name] ?? null)}</td>`).join("")}</tr>`
  );
  const rest = rows.length > ROWS_SHOWN_MAX
    ? `<p class="dim">${rows.length - ROWS_SHOWN_MAX} more rows are in the CSV.</p>`
    : "";
  return wrapped(
    `<table><thead><tr>${head.join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`,
  ) + rest;
}

function wrapped(table: string): string {
  // Focusable, so that the keyboard can scroll it.
  return `<div class="scroll" tabindex="0">${table}</div>`;
}

function shown(cell: Cell): string {
  if (cell === null) return "–";
  if (typeof cell !== "number") return escaped(`${cell}`);
  return Number.isInteger(cell) ? `${cell}` : `${Number(cell.toPrecision(5))}`;
}
