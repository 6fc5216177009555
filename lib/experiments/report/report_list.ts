/**
 * The index page of many reports: the experiments, their questions, and whether their checks
 * passed.
 */
import type { Experiment } from "../experiment.ts";
import { escaped } from "./plot_svg.ts";
import { reportPage } from "./report_html.ts";
import type { Result } from "./result.ts";

interface ListedReport {
  readonly experiment: Experiment;
  readonly result: Result;
  /** The path of the report, relative to the page. */
  readonly path: string;
}

/** One HTML file, to be stored next to the reports. */
export function listHtml(reports: readonly ListedReport[]): string {
  const rows = reports.map(({ experiment, result, path }) => {
    const { checks, engine, durationMs, environment: { points } } = result;
    const failed = checks.filter(({ passed }) => !passed).length;
    const isBad = failed > 0 || points.done < points.total;
    const said = points.done < points.total
      ? `${points.done} of ${points.total} points`
      : failed > 0
      ? `✗ ${failed} of ${checks.length} failed`
      : checks.length === 0
      ? "none"
      : `✓ ${checks.length} passed`;
    return `<tr><td><a href="${escaped(path)}">${escaped(experiment.name)}</a></td>` +
      `<td>${engine}</td><td class="${isBad ? "bad" : "ok"}">${said}</td>` +
      `<td class="n">${(durationMs / 1_000).toFixed(1)} s</td><td>${
        escaped(experiment.question)
      }</td></tr>`;
  });
  const head = `<thead><tr><th>experiment</th><th>engine</th><th>checks</th>` +
    `<th class="n">work</th><th>question</th></tr></thead>`;
  return reportPage(
    "Experiments",
    `<p class="dim">Dynamo Simulator</p><h1>Experiments</h1>` +
      `<div class="scroll" tabindex="0"><table>${head}<tbody>${
        rows.join("\n")
      }</tbody></table></div>`,
  );
}
