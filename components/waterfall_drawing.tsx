/**
 * One request, with a line for each replica. Positions are percentages, so text keeps its size on a
 * narrow page.
 */
import { formatMs } from "../islands/models/format.ts";
import { axisTicks, type Waterfall, type WaterfallBar } from "../islands/models/waterfall.ts";
import { ownerClass } from "./owner.tsx";

const ROW = 40;
const TOP = 22;

export function WaterfallDrawing(
  { waterfall, indexOf }: {
    readonly waterfall: Waterfall;
    readonly indexOf: (node: string) => number;
  },
) {
  const { bars, endMs, servedMs } = waterfall;
  const height = TOP + bars.length * ROW + 26;
  const across = (ms: number) => `${Math.min(100, ms / endMs * 100).toFixed(3)}%`;
  const late = servedMs / endMs > 0.6;
  return (
    <svg
      class="plot waterfall"
      height={height}
      role="img"
      aria-label={`${waterfall.method} ${waterfall.key}: answered after ${formatMs(servedMs)}, ${
        bars.map((bar) => `${bar.node} ${bar.note}`).join("; ")
      }`}
    >
      {axisTicks(endMs, 4).map((tick) => (
        <g key={tick}>
          <line class="grid" x1={across(tick)} x2={across(tick)} y1={TOP} y2={height - 22} />
          <text
            class={`axis-text ${tick === 0 ? "at-start" : tick > endMs * 0.94 ? "at-end" : ""}`}
            x={across(tick)}
            y={height - 10}
          >
            {tick === 0 ? "0" : formatMs(tick)}
          </text>
        </g>
      ))}
      <line
        class="served"
        x1={across(servedMs)}
        x2={across(servedMs)}
        y1={TOP - 4}
        y2={height - 22}
      />
      {bars.map((bar, row) => (
        <Bar
          key={bar.node}
          bar={bar}
          y={TOP + row * ROW}
          index={indexOf(bar.node)}
          across={across}
          endMs={endMs}
        />
      ))}
      <text class={`served-text ${late ? "at-end" : "at-start"}`} x={across(servedMs)} y={TOP - 10}>
        {`${waterfall.needed} needed, client answered at ${formatMs(servedMs)}`}
      </text>
    </svg>
  );
}

function Bar(
  { bar, y, index, across, endMs }: {
    readonly bar: WaterfallBar;
    readonly y: number;
    readonly index: number;
    readonly across: (ms: number) => string;
    readonly endMs: number;
  },
) {
  const to = bar.toMs ?? endMs;
  const width = `${Math.max(0.6, (to - bar.fromMs) / endMs * 100).toFixed(3)}%`;
  return (
    <g class={`bar bar-${bar.outcome} ${ownerClass(index)}`}>
      <text class="bar-text" x="0" y={y + 13}>
        <tspan class="bar-node">{bar.node}</tspan> {bar.note}
      </text>
      <rect x={across(bar.fromMs)} y={y + 20} width={width} height="9" rx="2" />
    </g>
  );
}
