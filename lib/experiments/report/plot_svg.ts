/**
 * Draws plots as SVG text, with Observable Plot on a linkedom document, so that commands, servers
 * and tests can draw without a browser.
 *
 * Lines differ in symbol as well as in colour. Every colour has a contrast of at least 3:1 on a
 * white and on a nearly black page. Text and axes have the page's own colour (`currentColor`).
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import type { PlotSpec, Row } from "../experiment.ts";
import type { Result } from "./result.ts";

/**
 * Mid-tones based on Okabe and Ito's palette, which people with colour blindness can distinguish.
 */
const COLOURS = [
  "#0a7fc2",
  "#d1661b",
  "#1b9467",
  "#b25f9b",
  "#8a7a12",
  "#7a6ee0",
  "#c23b4b",
  "#5f7d8c",
];
const WIDTH = 720;
const HEIGHT = 380;
const FACET_HEIGHT = 230;
/** For four or more small plots. */
const FACET_HEIGHT_MANY = 130;
/**
 * The share left free, so that the lowest tick of a plot does not touch the highest of the next.
 */
const FACET_GAP = 0.12;

/** The plot of a result as a self-contained SVG; null when there is nothing to draw. */
export function plotSvg(spec: PlotSpec, result: Result): string | null {
  const rows = rowsOf(spec, result).filter((row) => isDrawable(spec, row));
  if (rows.length === 0) return null;
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const published = spec.published === true
    ? (result.reference?.rows ?? []).filter((row) => isDrawable(spec, row))
    : [];
  const isCategorical = spec.xScale === "point" || spec.mark === "bar";
  const facets = spec.facet === undefined ? [] : distinct(rows, spec.facet);
  const figure = Plot.plot({
    document: document as unknown as Document,
    width: WIDTH,
    height: heightFor(facets.length),
    marginLeft: 64,
    marginRight: facets.length > 1 ? 110 : 24,
    marginBottom: 44,
    x: {
      label: spec.xLabel,
      ...(isCategorical
        ? {
          type: spec.mark === "bar" ? "band" : "point",
          domain: distinct([...rows, ...published], spec.x),
        }
        : { ...numeric(spec.xScale === "log"), ticks: 7 }),
    },
    y: {
      label: spec.yLabel,
      grid: true,
      ...numeric(spec.yScale === "log"),
      ...(spec.yDomain === undefined ? { zero: spec.yScale !== "log" } : { domain: spec.yDomain }),
    },
    color: { range: COLOURS, ...domainOf(spec, rows) },
    symbol: { ...domainOf(spec, rows) },
    ...(facets.length > 1
      ? { fy: { domain: facets, label: null, padding: FACET_GAP, tickFormat: facetLabel(spec) } }
      : {}),
    marks: [
      ...marksOf(spec, rows, facets.length > 1),
      ...publishedMarks(spec, published, facets.length > 1),
    ],
  } as Plot.PlotOptions);
  // Without a legend, Plot returns the svg element itself.
  const svg = figure.tagName.toLowerCase() === "svg" ? figure : figure.querySelector("svg");
  if (svg === null) return null;
  return standalone(svg.outerHTML, spec, rows, published.length > 0);
}

function marksOf(spec: PlotSpec, rows: readonly Row[], isFaceted: boolean): Plot.Markish[] {
  const { x, y, color } = spec;
  const facet = isFaceted && spec.facet !== undefined ? { fy: spec.facet } : {};
  const stroke = color ?? COLOURS[0] as string;
  switch (spec.mark) {
    case "line": {
      const few = rows.length <= 160;
      const marks: Plot.Markish[] = [
        Plot.lineY(rows, {
          x,
          y,
          stroke,
          strokeWidth: 2,
          ...(color === undefined ? {} : { z: color }),
          ...facet,
        }),
      ];
      if (few) marks.push(Plot.dot(rows, { x, y, stroke, ...symbolOf(color), r: 3.5, ...facet }));
      return marks;
    }
    case "dot":
      return [
        Plot.dot(rows, { x, y, stroke, ...symbolOf(color), r: 4.5, strokeWidth: 2, ...facet }),
      ];
    case "bar":
      return [Plot.barY(rows, { x, y, fill: stroke, ...facet }), Plot.ruleY([0])];
  }
}

function heightFor(facets: number): number {
  if (facets <= 1) return HEIGHT;
  return facets * (facets < 4 ? FACET_HEIGHT : FACET_HEIGHT_MANY);
}

function numeric(isLog: boolean) {
  // No SI prefixes: an "m" for a thousandth would look like "ms" on most axes.
  return isLog ? { type: "log", tickFormat: "~g", nice: true } : { type: "linear" };
}

/** A number alone means nothing, so the column's name precedes it. */
function facetLabel({ facet = "" }: PlotSpec) {
  return (value: unknown) => typeof value === "number" ? `${facet} ${value}` : `${value}`;
}

function symbolOf(color: string | undefined) {
  return color === undefined ? {} : { symbol: color };
}

/** Published figures as large dashed circles. */
function publishedMarks(spec: PlotSpec, rows: readonly Row[], isFaceted: boolean): Plot.Markish[] {
  if (rows.length === 0) return [];
  const { x, y, color } = spec;
  const facet = isFaceted && spec.facet !== undefined ? { fy: spec.facet } : {};
  const stroke = color ?? "currentColor";
  return [
    Plot.dot(rows, {
      x,
      y,
      stroke,
      r: 8,
      strokeWidth: 1.5,
      strokeDasharray: "2,2",
      ...facet,
    }),
  ];
}

function domainOf(spec: PlotSpec, rows: readonly Row[]) {
  return spec.color === undefined ? {} : { domain: distinct(rows, spec.color) };
}

function distinct(rows: readonly Row[], column: string): (string | number | boolean | null)[] {
  return [...new Set(rows.map((row) => row[column] ?? null))];
}

function rowsOf(spec: PlotSpec, result: Result): readonly Row[] {
  return spec.from === "rows" ? result.rows : result.series[spec.from] ?? [];
}

/** A logarithmic axis cannot show 0. */
function isDrawable(spec: PlotSpec, row: Row): boolean {
  const y = row[spec.y];
  const x = row[spec.x];
  if (typeof y !== "number" || x === undefined || x === null) return false;
  return !(spec.yScale === "log" && y <= 0) && !(spec.xScale === "log" && Number(x) <= 0);
}

/** Adds a title and a legend, and removes the style sheet, which a page's policy may forbid. */
function standalone(
  svg: string,
  spec: PlotSpec,
  rows: readonly Row[],
  hasPublished: boolean,
): string {
  const names = spec.color === undefined ? [] : distinct(rows, spec.color);
  const entries = names.map((name, i) => ({
    name: `${name}`,
    colour: COLOURS[i % COLOURS.length] as string,
    symbol: i,
  }));
  // Values such as "yes" or "4" mean nothing without the column's name.
  const label = spec.color === undefined || spec.color === "line" ? "" : `${spec.color}:`;
  const lines = layOut(label, entries.map(({ name }) => name.length));
  const legendHeight = names.length === 0
    ? 0
    : 20 * (Math.max(...lines.map(({ line }) => line)) + 1) + 6;
  const height = Number(/height="(\d+)"/.exec(svg)?.[1] ?? HEIGHT);
  const top = 30 + legendHeight;
  const legend = entries.map(({ name, colour, symbol }, i) => {
    const { line, left } = lines[i] as Placed;
    const y = 44 + 20 * line;
    return `<g transform="translate(${left + 6},${y - 4})">${symbolPath(symbol, colour)}</g>` +
      `<text x="${left + 18}" y="${y}">${escaped(name)}</text>`;
  }).join("");
  const legendLabel = label === ""
    ? ""
    : `<text x="8" y="44" fill-opacity="0.75">${escaped(label)}</text>`;
  const inner = svg.replace(/<style>[\s\S]*?<\/style>/g, "").replace(/^<svg/, `<svg y="${top}"`);
  const note = hasPublished
    ? `<text x="${WIDTH - 8}" y="18" text-anchor="end" font-size="12">dashed: published</text>`
    : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height + top}" ` +
    `width="${WIDTH}" height="${height + top}" role="img" aria-label="${escaped(spec.title)}" ` +
    `font-family="system-ui, sans-serif" font-size="12" fill="currentColor" color="#667">` +
    `<title>${escaped(spec.title)}</title>` +
    `<text x="8" y="19" font-size="15" font-weight="600">${escaped(spec.title)}</text>${note}` +
    `${legendLabel}${legend}${inner}</svg>\n`;
}

/** The width of a character in the legend, rounded up. */
const CHARACTER = 7.4;

interface Placed {
  readonly line: number;
  readonly left: number;
}

/** Places the entries from left to right after the label, on as many lines as needed. */
function layOut(label: string, lengths: readonly number[]): Placed[] {
  let line = 0;
  let left = 8 + (label === "" ? 0 : 8 + CHARACTER * label.length);
  return lengths.map((length) => {
    const width = 34 + CHARACTER * length;
    if (left + width > WIDTH && left > 8) {
      line++;
      left = 8;
    }
    const placed = { line, left };
    left += width;
    return placed;
  });
}

/** Plot's symbols for strokes: circle, plus, times, triangle, asterisk, square, diamond. */
function symbolPath(index: number, colour: string): string {
  const stroke = `fill="none" stroke="${colour}" stroke-width="2"`;
  const paths = [
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "M-5,0H5M0,-5V5",
    "M-4,-4L4,4M-4,4L4,-4",
    "M0,-5L4.5,3.5H-4.5Z",
    "M0,-5V5M-4.5,-2.5L4.5,2.5M-4.5,2.5L4.5,-2.5",
    "M-4,-4H4V4H-4Z",
    "M0,-5L5,0L0,5L-5,0Z",
  ];
  return `<path d="${paths[index % paths.length]}" ${stroke}/>`;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
