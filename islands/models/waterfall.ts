/**
 * One request, replica by replica: when the coordinator asked each one, when each one answered, and
 * when enough had answered for the client to get its answer.
 */
import type { ReplicaTrace } from "../../lib/dynamo/types/client_messages.ts";
import type { ProtocolEvent } from "./api.ts";
import { formatMs } from "./format.ts";

export interface WaterfallBar {
  readonly node: string;
  readonly primary: boolean;
  readonly outcome: ReplicaTrace["outcome"];
  readonly fromMs: number;
  /** Null: no answer before the request ended. */
  readonly toMs: number | null;
  /** A description of this bar for people. */
  readonly note: string;
}

export interface Waterfall {
  readonly method: string;
  readonly key: string;
  readonly coordinator: string;
  readonly needed: number;
  /** When the client was answered. */
  readonly servedMs: number;
  /** The right edge of the drawing. */
  readonly endMs: number;
  readonly outcome: string;
  readonly bars: readonly WaterfallBar[];
}

/** The complete request. The coordinator reports it when every replica has answered or failed. */
export function waterfallOf(event: Extract<ProtocolEvent, { type: "request" }>): Waterfall {
  const { method, key, node, needed, outcome, replicas } = event;
  const servedMs = servedUs(event) / 1000;
  return makeWaterfall({ method, key, coordinator: node, needed, servedMs, outcome }, replicas);
}

/**
 * When the client was answered. The event itself comes later, when the last replica has answered. A
 * successful request was answered when the last of the needed replicas had answered.
 */
export function servedUs(event: Extract<ProtocolEvent, { type: "request" }>): number {
  if (event.outcome !== "ok" && event.outcome !== "absent") return event.tookUs;
  const answers = event.replicas.flatMap(({ outcome, answeredUs }) =>
    outcome === "answered" && answeredUs !== undefined ? [answeredUs] : []
  ).sort((a, b) => a - b);
  return Math.min(event.tookUs, answers[event.needed - 1] ?? Infinity);
}

/**
 * The request as far as the client's answer shows it. The answer was sent when the last of the needed
 * replicas had answered, so the others are still pending.
 */
export function waterfallOfReply(
  reply: {
    readonly method: string;
    readonly key: string;
    readonly coordinator: string;
    readonly replicas: readonly ReplicaTrace[];
  },
): Waterfall {
  const { method, key, coordinator, replicas } = reply;
  const answered = replicas.flatMap((trace) =>
    trace.outcome === "answered" && trace.answeredUs !== undefined ? [trace.answeredUs] : []
  );
  const servedMs = Math.max(0, ...answered) / 1000;
  const needed = answered.length;
  return makeWaterfall({ method, key, coordinator, needed, servedMs, outcome: "ok" }, replicas);
}

function makeWaterfall(
  request: Omit<Waterfall, "bars" | "endMs">,
  replicas: readonly ReplicaTrace[],
): Waterfall {
  const { coordinator, servedMs } = request;
  const bars = replicas.map((trace) => barOf(trace, coordinator, servedMs));
  const latest = Math.max(servedMs, ...bars.map((bar) => bar.toMs ?? bar.fromMs));
  return { ...request, bars, endMs: Math.max(latest * 1.08, 0.05) };
}

function barOf(trace: ReplicaTrace, coordinator: string, servedMs: number): WaterfallBar {
  const toMs = trace.answeredUs === undefined ? null : trace.answeredUs / 1000;
  return {
    node: trace.node,
    primary: trace.primary,
    outcome: trace.outcome,
    fromMs: trace.sentUs / 1000,
    toMs,
    note: noteOf(trace, coordinator, toMs, servedMs),
  };
}

function noteOf(
  trace: ReplicaTrace,
  coordinator: string,
  toMs: number | null,
  servedMs: number,
): string {
  const role = trace.node === coordinator
    ? "the coordinator’s own replica"
    : trace.primary
    ? "primary"
    : "fallback";
  if (trace.outcome === "failed") return `${role}, failed: ${trace.reason ?? "no reason given"}`;
  if (toMs === null) return `${role}, no answer yet`;
  const took = formatMs(toMs - trace.sentUs / 1000);
  return toMs > servedMs ? `${role}, ${took}, after the client was answered` : `${role}, ${took}`;
}

/** Round ticks for an axis from 0, with at most `stepsMax` steps. */
export function axisTicks(end: number, stepsMax: number): number[] {
  if (!(end > 0)) return [0];
  const raw = end / stepsMax;
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * magnitude).find((s) => s >= raw * 0.999) ??
    10 * magnitude;
  const count = Math.floor(end / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}
