/** The throughput of the last minute as a line, with the current value. */
import { formatCount } from "../islands/models/format.ts";

const WIDTH = 160;
const HEIGHT = 36;
const POINTS = 60;

export function Sparkline({ points }: { readonly points: readonly number[] }) {
  const max = Math.max(1, ...points);
  const step = WIDTH / (POINTS - 1);
  const start = WIDTH - (points.length - 1) * step;
  const path = points.map((value, i) => {
    const x = start + i * step;
    const y = HEIGHT - 2 - value / max * (HEIGHT - 6);
    return `${i === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
  const now = points.at(-1) ?? 0;
  return (
    <div class="sparkline">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={`Requests per second over the last minute, at most ${formatCount(max)}`}
      >
        <line class="grid" x1="0" x2={WIDTH} y1={HEIGHT - 1.5} y2={HEIGHT - 1.5} />
        <path d={path} />
      </svg>
      <p>
        <strong>{formatCount(now)}</strong> requests/s{" "}
        <span>now; the line shows the last minute</span>
      </p>
    </div>
  );
}
