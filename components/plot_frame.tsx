/**
 * The frame of every plot: a title, what it shows, the drawing, its data as a table, and both as
 * downloads. The CSV holds the very rows of the table.
 */
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { toCsv } from "../lib/experiments/report/csv.ts";
import { saveSvg, saveText } from "./save_file.ts";

interface PlotFrameProps {
  readonly title: string;
  /** One line: what one looks at. */
  readonly caption: ComponentChildren;
  /** Of the downloads, without extension. */
  readonly fileName: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly children: ComponentChildren;
  /** Headings have levels: the one that fits the place. */
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
            aria-label={`Download ${title} as SVG`}
          >
            SVG
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => saveText(toCsv(columns, rows), `${fileName}.csv`, "text/csv")}
            aria-label={`Download ${title} as CSV`}
          >
            CSV
          </button>
        </span>
      </div>
    </figure>
  );
}
