/**
 * Histograms of several runs over one another. Each run has bins of its own (those of its HDR
 * histogram), so they are poured into common ones; shares of each run's requests make runs of
 * different sizes comparable.
 */
import type { LoadRunView } from "./api.ts";

/** As many as a run's own histogram has at most (`LatencyRecorder.buckets`), so bins agree. */
export const BINS_MOST = 60;

interface OverlayBin {
  readonly fromMs: number;
  /** Infinity in the last bin: what is slower than the axis. */
  readonly toMs: number;
}

interface OverlaySeries {
  readonly run: number;
  readonly operation: "get" | "put";
  readonly label: string;
  /** Share of the run's answered requests, 0 … 1, by bin. */
  readonly shares: readonly number[];
}

export interface Overlay {
  readonly bins: readonly OverlayBin[];
  readonly binMs: number;
  readonly endMs: number;
  readonly shareMost: number;
  readonly series: readonly OverlaySeries[];
}

/** The overlay of the runs that have a result; null when none has. */
export function overlayOf(runs: readonly LoadRunView[]): Overlay | null {
  const shown = runs.filter((run) => (run.result?.histogram.length ?? 0) > 0);
  if (shown.length === 0) return null;
  const slowest = Math.max(...shown.map((run) => run.result?.p999Ms ?? 0), 0.01);
  const binMs = niceStep(slowest / BINS_MOST);
  // One for the slowest itself, one for what is beyond.
  const count = Math.floor(slowest / binMs + 1e-9) + 2;
  const bins = Array.from({ length: count }, (_, i) => ({
    fromMs: round(i * binMs),
    toMs: i === count - 1 ? Infinity : round((i + 1) * binMs),
  }));
  const series = shown.map((run) => ({
    run: run.run,
    operation: run.plan.operation,
    label: `${run.plan.operation} #${run.run}`,
    shares: pour(run, bins, binMs),
  }));
  return {
    bins,
    binMs,
    endMs: round(count * binMs),
    shareMost: Math.max(0.01, ...series.flatMap((s) => s.shares)),
    series,
  };
}

/** Spreads each of the run's bins evenly over the common bins that it overlaps. */
function pour(run: LoadRunView, bins: readonly OverlayBin[], binMs: number): number[] {
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

/** The least of 1, 2, 5 times a power of ten that is not below `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].find((candidate) => candidate * power >= least * (1 - 1e-9)) ?? 10;
  return round(step * power);
}

function round(value: number): number {
  return Number(value.toPrecision(9));
}
