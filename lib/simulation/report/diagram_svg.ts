/**
 * A space-time diagram as SVG: sloped arrows for messages, crosses for lost messages, marks for client
 * operations and faults. Shapes carry the same information as colours.
 */
import type { Diagram, DiagramMessage, DiagramNote } from "./diagram.ts";

const LANE_GAP = 150;
const MARGIN = 8;
const LEFT = 90;
const TOP = 64;
const ROW = 26;
const NOTE_WIDTH = 420;
/** The approximate width of a character of the title. */
const TITLE_CHARACTER = 8;

/** One self-contained SVG document. */
export function renderSvg(diagram: Diagram): string {
  const scale = rowsOf(diagram);
  const width = Math.max(
    LEFT + (diagram.lanes.length - 1) * LANE_GAP + NOTE_WIDTH,
    2 * MARGIN + diagram.title.length * TITLE_CHARACTER,
  );
  const height = TOP + (scale.size + 1) * ROW;
  const y = (at: number) => TOP + (scale.get(at) ?? 0) * ROW;
  const lifelines = diagram.lanes.map((lane, i) =>
    `<text class="lane" x="${laneX(i)}" y="${TOP - 28}">${escape(lane)}</text>` +
    `<line class="life" x1="${laneX(i)}" y1="${TOP - 18}" x2="${laneX(i)}" y2="${
      height - ROW / 2
    }"/>`
  );
  const times = [...scale].map(([at, row]) =>
    `<text class="time" x="${MARGIN}" y="${TOP + row * ROW + 4}">${
      (at / 1_000).toFixed(3)
    } ms</text>`
  );
  const end = Math.max(0, ...scale.keys());
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${escape(diagram.title)}</title>`,
    `<style>${STYLE}</style>`,
    `<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z"/></marker></defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN}" y="20">${escape(diagram.title)}</text>`,
    ...lifelines,
    ...times,
    ...diagram.messages.map((message) => drawMessage(message, y, end)),
    ...diagram.notes.map((note) => drawNote(note, y, diagram.lanes.length)),
    "</svg>",
    "",
  ].join("\n");
}

const STYLE = ".paper{fill:#fff}text{font:12px system-ui,sans-serif;fill:#1b2530}" +
  ".title{font-weight:600;font-size:14px}.lane{font-weight:600;text-anchor:middle}" +
  ".time{fill:#5b6875;font-size:10px}.life{stroke:#b9c3cd}" +
  ".message{stroke:#1f5fa8;fill:none;marker-end:url(#head)}.message.lost{stroke:#b3261e;stroke-dasharray:5 3;marker-end:none}" +
  ".text{font-size:10px}.cross{stroke:#b3261e;stroke-width:2}.operation{fill:#1b7f4b}.fault{fill:#b3261e}";

/** Each instant gets its own row, in order: with a linear time scale most of the drawing is empty. */
function rowsOf({ messages, notes }: Diagram): Map<number, number> {
  const moments = new Set<number>(notes.map((note) => note.at));
  for (const { sentAt, endedAt } of messages) {
    moments.add(sentAt);
    if (endedAt !== null) moments.add(endedAt);
  }
  return new Map([...moments].sort((a, b) => a - b).map((at, row) => [at, row]));
}

function laneX(lane: number): number {
  return LEFT + lane * LANE_GAP;
}

function drawMessage(message: DiagramMessage, y: (at: number) => number, end: number): string {
  const { from, to, sentAt, endedAt, lost, text } = message;
  const [x1, y1] = [laneX(from), y(sentAt)];
  const y2 = y(endedAt ?? end);
  // A lost message ends halfway.
  const x2 = lost === null ? laneX(to) : (laneX(from) + laneX(to)) / 2;
  const details = `${text}${lost === null ? "" : ` (${lost})`}`;
  const cross = lost === null
    ? ""
    : `<path class="cross" d="M${x2 - 4},${y2 - 4} l8,8 m0,-8 l-8,8"/>`;
  return `<g><title>${escape(details)}</title>` +
    `<line class="message${
      lost === null ? "" : " lost"
    }" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>` +
    `${cross}<text class="text" x="${(x1 + x2) / 2 + 6}" y="${(y1 + y2) / 2 - 4}">${
      escape(shortened(text))
    }</text></g>`;
}

function drawNote(note: DiagramNote, y: (at: number) => number, lanes: number): string {
  const x = laneX(note.lane ?? lanes - 1);
  const at = y(note.at);
  const mark = note.kind === "fault"
    ? `<path class="fault" d="M${x},${at - 7} l7,12 h-14 z"/>`
    : `<circle class="operation" cx="${x}" cy="${at}" r="4"/>`;
  const textX = laneX(lanes - 1) + 16;
  return `<g><title>${escape(note.text)}</title>${mark}` +
    `<text class="text" x="${textX}" y="${at + 4}">${escape(shortened(note.text, 70))}</text></g>`;
}

function shortened(text: string, lengthMax = 24): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
