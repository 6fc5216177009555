/**
 * Overlaid latency histograms. Gets are solid, puts are hatched and outlined: both stay visible where
 * they overlap, and can be distinguished without colour.
 */
import { formatMs, formatShare } from "../islands/models/format.ts";
import type { Overlay } from "../islands/models/histogram.ts";
import { axisTicks } from "../islands/models/waterfall.ts";

const HEIGHT = 280;
const TOP = 16;
const BASE = HEIGHT - 40;

export function HistogramDrawing({ overlay }: { readonly overlay: Overlay }) {
  const { bins, series, endMs, shareMax } = overlay;
  const across = (ms: number) => `${(ms / endMs * 100).toFixed(3)}%`;
  const down = (share: number) => BASE - share / shareMax * (BASE - TOP);
  return (
    <svg
      class="plot histogram"
      height={HEIGHT}
      role="img"
      aria-label={`Latency histogram of ${series.map((one) => one.label).join(" and ")}`}
    >
      <defs>
        <pattern id="hatch-put" width="5" height="5" patternUnits="userSpaceOnUse">
          <path class="hatch" d="M-1 1L1 -1M0 5L5 0M4 6L6 4" />
        </pattern>
      </defs>
      {axisTicks(shareMax, 4).map((tick) => (
        <g key={`y${tick}`}>
          <line class="grid" x1="0" x2="100%" y1={down(tick)} y2={down(tick)} />
          {tick > 0 && (
            <text class="axis-text at-end" x="100%" y={down(tick) - 5}>{formatShare(tick)}</text>
          )}
        </g>
      ))}
      {series.map((one) => (
        <g key={one.run} class={`series series-${one.operation}`}>
          {one.shares.map((share, i) => {
            const bin = bins[i];
            if (share === 0 || bin === undefined) return null;
            const y = down(share);
            return (
              <rect
                key={i}
                x={across(bin.fromMs)}
                width={across(overlay.binMs)}
                y={y.toFixed(2)}
                height={(BASE - y).toFixed(2)}
              />
            );
          })}
        </g>
      ))}
      <line class="axis" x1="0" x2="100%" y1={BASE} y2={BASE} />
      {axisTicks(endMs, 4).map((tick) => (
        <text
          key={`x${tick}`}
          class={`axis-text ${tick === 0 ? "at-start" : tick > endMs * 0.94 ? "at-end" : ""}`}
          x={across(tick)}
          y={BASE + 16}
        >
          {tick === 0 ? "0" : formatMs(tick)}
        </text>
      ))}
      <text class="axis-text at-end axis-title" x="100%" y={HEIGHT - 6}>latency</text>
    </svg>
  );
}
