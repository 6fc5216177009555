/**
 * The frame of every plot: a title, a caption, the drawing, a table of its data, and downloads of the
 * drawing (SVG) and the data (CSV, the same rows as the table).
 */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { toCsv } from "../lib/experiments/report/csv.ts";
import { saveSvg, saveText } from "./save_file.ts";

interface PlotFrameProps {
  readonly title: string;
  /** One line that says what the plot shows. */
  readonly caption: ComponentChildren;
  /** The name of the downloaded files, without extension. */
  readonly fileName: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly children: ComponentChildren;
  /** The level of the heading; it depends on where the plot is. */
  readonly level?: 2 | 3 | 4;
}

export function PlotFrame(props: PlotFrameProps) {
  const { title, caption, fileName, columns, rows, children, level = 3 } = props;
  const figure = useRef<HTMLElement>(null);
  const Heading = `h${level}` as "h2" | "h3" | "h4";
  const save = () => {
    const svg = figure.current?.querySelector<SVGSVGElement>("svg.plot");
    if (svg) saveSvg(svg, `${fileName}.svg`);
  };
  return (
    <figure class="plot-frame" ref={figure}>
      <figcaption>
        <Heading>{title}</Heading>
        <p>{caption}</p>
      </figcaption>
      {children}
      <div class="plot-tools">
        <details>
          <summary>Table of this data</summary>
          <div class="table-scroll" tabIndex={0} role="region" aria-label={`${title}: its data`}>
            <table>
              <thead>
                <tr>{columns.map((column) => <th key={column} scope="col">{column}</th>)}</tr>
              </thead>
              <tbody>
                {rows.map((row, i) => (
                  <tr key={i}>
                    {row.map((cell, j) => (
                      <td key={j} class={typeof cell === "number" ? "number" : undefined}>
                        {cell}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
        <span class="downloads js-only">
          <button
            type="button"
            class="quiet"
            onClick={save}
            aria-label={`Download SVG: ${title}`}
          >
            Download SVG
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => saveText(toCsv(columns, rows), `${fileName}.csv`, "text/csv")}
            aria-label={`Download CSV: ${title}`}
          >
            Download CSV
          </button>
        </span>
      </div>
    </figure>
  );
}
