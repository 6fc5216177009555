/**
 * Overlaid latency histograms of several runs. Each run has its own bins (those of its HDR histogram),
 * so they are redistributed to common bins. Each bin shows a share of the run's requests, so that runs
 * of different sizes can be compared.
 */
import type { LoadRunView } from "./api.ts";

/** The maximum of a run's own histogram (`LatencyRecorder.buckets`), so that the bins agree. */
export const BINS_MAX = 60;

interface OverlayBin {
  readonly fromMs: number;
  /** Infinity in the last bin, which counts all slower requests. */
  readonly toMs: number;
}

interface OverlaySeries {
  readonly run: number;
  readonly operation: "get" | "put";
  readonly label: string;
  /** For each bin, the share of the run's acknowledged requests, 0 … 1. */
  readonly shares: readonly number[];
}

export interface Overlay {
  readonly bins: readonly OverlayBin[];
  readonly binMs: number;
  readonly endMs: number;
  readonly shareMax: number;
  readonly series: readonly OverlaySeries[];
}

/** The overlay of the runs that have a result; null if none has one. */
export function overlayOf(runs: readonly LoadRunView[]): Overlay | null {
  const shown = runs.filter((run) => (run.result?.histogram.length ?? 0) > 0);
  if (shown.length === 0) return null;
  const slowest = Math.max(...shown.map((run) => run.result?.p999Ms ?? 0), 0.01);
  const binMs = niceStep(slowest / BINS_MAX);
  // One more bin for the slowest request itself, and one for everything beyond the axis.
  const count = Math.floor(slowest / binMs + 1e-9) + 2;
  const bins = Array.from({ length: count }, (_, i) => ({
    fromMs: round(i * binMs),
    toMs: i === count - 1 ? Infinity : round((i + 1) * binMs),
  }));
  const series = shown.map((run) => ({
    run: run.run,
    operation: run.plan.operation,
    label: `${run.plan.operation} #${run.run}`,
    shares: redistribute(run, bins, binMs),
  }));
  return {
    bins,
    binMs,
    endMs: round(count * binMs),
    shareMax: Math.max(0.01, ...series.flatMap((s) => s.shares)),
    series,
  };
}

/** Distributes each of the run's bins evenly over the common bins that it overlaps. */
function redistribute(run: LoadRunView, bins: readonly OverlayBin[], binMs: number): number[] {
  const counts = new Array<number>(bins.length).fill(0);
  const last = bins.length - 1;
  for (const { fromMs, toMs, count } of run.result?.histogram ?? []) {
    const width = Math.max(toMs - fromMs, 1e-9);
    const first = Math.min(last, Math.floor(fromMs / binMs));
    const final = Math.min(last, Math.max(first, Math.ceil(toMs / binMs) - 1));
    for (let i = first; i <= final; i++) {
      const bin = bins[i];
      if (bin === undefined) continue;
      const overlap = Math.min(toMs, bin.toMs) - Math.max(fromMs, bin.fromMs);
      const share = first === final ? 1 : Math.max(0, overlap) / width;
      counts[i] = (counts[i] ?? 0) + count * share;
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => total === 0 ? 0 : count / total);
}

/** The smallest 1, 2 or 5 times a power of ten that is at least `min`. */
function niceStep(min: number): number {
  const power = 10 ** Math.floor(Math.log10(min));
  const step = [1, 2, 5, 10].find((candidate) => candidate * power >= min * (1 - 1e-9)) ?? 10;
  return round(step * power);
}

function round(value: number): number {
  return Number(value.toPrecision(9));
}
