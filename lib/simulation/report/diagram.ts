/**
 * A space-time diagram of a short run: a vertical line for each process, with messages between them
 * (Lamport, 1978). This file has the model and renders it as text; `diagram_svg.ts` renders it as SVG.
 */
import { CLIENTS } from "../faults/faults.ts";
import type { TraceEntry } from "./trace.ts";

export interface DiagramMessage {
  readonly from: number;
  readonly to: number;
  readonly sentAt: number;
  /** When it arrived or was lost; null if it was still in flight. */
  readonly endedAt: number | null;
  readonly lost: string | null;
  readonly text: string;
}

export interface DiagramNote {
  readonly at: number;
  /** The line of the process that it belongs to; null for all processes. */
  readonly lane: number | null;
  readonly kind: "operation" | "fault";
  readonly text: string;
}

export interface Diagram {
  readonly title: string;
  /** Processes: the clients first, then the nodes. */
  readonly lanes: readonly string[];
  readonly messages: readonly DiagramMessage[];
  readonly notes: readonly DiagramNote[];
}

/** The maximum number of messages and notes. A longer diagram would be unreadable. */
const DIAGRAM_ITEMS_MAX = 400;

/** The diagram of a trace up to `until` (virtual µs), without background messages. */
export function diagramOf(
  title: string,
  nodes: readonly string[],
  entries: readonly TraceEntry[],
  until = Infinity,
): Diagram {
  const lanes = [CLIENTS, ...nodes];
  const laneOf = new Map(lanes.map((lane, i) => [lane, i]));
  const messages = new Map<number, DiagramMessage>();
  const notes: DiagramNote[] = [];
  for (const entry of entries) {
    if (entry.at > until || messages.size + notes.length >= DIAGRAM_ITEMS_MAX) break;
    switch (entry.what) {
      case "sent": {
        if (messages.has(entry.message) || isBackground(entry)) break;
        const from = laneOf.get(entry.from) ?? 0;
        const to = laneOf.get(entry.to) ?? 0;
        const { at: sentAt, text } = entry;
        messages.set(entry.message, { from, to, sentAt, endedAt: null, lost: null, text });
        break;
      }
      case "arrived":
      case "lost": {
        const message = messages.get(entry.message);
        if (message === undefined) break;
        const lost = entry.what === "lost" ? entry.why : null;
        messages.set(entry.message, { ...message, endedAt: entry.at, lost });
        break;
      }
      case "fault": {
        const lane = entry.node === null ? null : laneOf.get(entry.node) ?? null;
        notes.push({ at: entry.at, lane, kind: "fault", text: entry.text });
        break;
      }
      case "started":
      case "ended":
        notes.push({ at: entry.at, lane: 0, kind: "operation", text: entry.text });
        break;
    }
  }
  return { title, lanes, messages: [...messages.values()], notes };
}

/** Messages that belong to no client request, such as gossip and anti-entropy. */
function isBackground({ from, to, leg, text }: TraceEntry & { what: "sent" }): boolean {
  return leg === "other" && from !== CLIENTS && to !== CLIENTS && !text.startsWith("forward");
}

const LANE_WIDTH = 9;

/** The diagram as text: a row for the end of each message and for each note. */
export function renderText({ title, lanes, messages, notes }: Diagram): string {
  const rows: { at: number; text: string }[] = notes.map(({ at, lane, kind, text }) => ({
    at,
    text: row(at, drawMark(lanes.length, lane, kind === "fault" ? "!" : "●"), text),
  }));
  for (const { from, to, sentAt, endedAt, lost, text } of messages) {
    const at = endedAt ?? sentAt;
    const end = endedAt === null ? "?" : lost === null ? (to > from ? "▶" : "◀") : "✗";
    const since = endedAt === null
      ? "in flight"
      : `sent ${ms(sentAt)}${lost === null ? "" : `, ${lost}`}`;
    rows.push({ at, text: row(at, drawArrow(lanes.length, from, to, end), `${text}  (${since})`) });
  }
  rows.sort((a, b) => a.at - b.at);
  const head = `${"ms".padStart(12)}  ${lanes.map((lane) => lane.padEnd(LANE_WIDTH)).join("")}`;
  return [title, "", head, ...rows.map(({ text }) => text)].join("\n") + "\n";
}

function row(at: number, lanes: string, text: string): string {
  return `${ms(at).padStart(12)}  ${lanes}  ${text}`;
}

function ms(us: number): string {
  return (us / 1_000).toFixed(3);
}

function drawLanes(count: number): string[] {
  return Array.from({ length: count }, () => "│".padEnd(LANE_WIDTH)).join("").split("");
}

function drawMark(count: number, lane: number | null, mark: string): string {
  const drawn = drawLanes(count);
  for (let i = 0; i < count; i++) {
    if (lane === null || lane === i) drawn[i * LANE_WIDTH] = mark;
  }
  return drawn.join("").trimEnd();
}

function drawArrow(count: number, from: number, to: number, end: string): string {
  const drawn = drawLanes(count);
  const left = Math.min(from, to) * LANE_WIDTH;
  const right = Math.max(from, to) * LANE_WIDTH;
  for (let i = left + 1; i < right; i++) drawn[i] = "─";
  drawn[to > from ? right - 1 : left + 1] = end;
  return drawn.join("").trimEnd();
}
