/** Load: many requests at once, and how long they took. */
import { HistogramDrawing } from "../components/histogram_drawing.tsx";
import { PlotFrame } from "../components/plot_frame.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import type { KeyChoice, LoadRunView } from "./models/api.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatCount, formatMs } from "./models/format.ts";
import type { Overlay } from "./models/histogram.ts";

const KEYS: Record<KeyChoice, { readonly label: string; readonly why: string }> = {
  "uniform": { label: "uniform", why: "every key equally often" },
  "hot-set": { label: "hot set", why: "1% of the keys get 90% of the requests" },
  "zipfian": { label: "zipfian", why: "popularity falls with rank, as on the web (0.99)" },
};

export function LoadPanel({ model }: { readonly model: ClusterModel }) {
  const { load } = model;
  const { overlay, finished } = load;
  return (
    <section id="load" aria-labelledby="load-title">
      <h2 id="load-title">Load</h2>
      <div class="split">
        <LoadForm model={model} />
        <div class="results">
          {overlay.value !== null && (
            <HistogramFigure overlay={overlay.value} clusterId={model.cluster.value.id} />
          )}
          {overlay.value === null && (
            <p class="empty">
              Run a load of puts, then one of gets: their latencies will be drawn here, over one
              another.
            </p>
          )}
        </div>
      </div>
      {finished.value.length > 0 && <RunTable model={model} />}
    </section>
  );
}

function LoadForm({ model }: { readonly model: ClusterModel }) {
  const { load } = model;
  const { id, nodes, config } = model.cluster.value;
  const plan = load.plan.value;
  const current = load.current.value;
  const counts = Array.from({ length: config.n }, (_, i) => i + 1);
  return (
    <form
      class="load-form"
      method="post"
      action={`/clusters/${id}/load`}
      onSubmit={(event) => {
        event.preventDefault();
        void load.start();
      }}
    >
      <div class="fields">
        <label>
          Send
          <select
            name="operation"
            value={plan.operation}
            onChange={(event) =>
              load.change({ operation: event.currentTarget.value === "get" ? "get" : "put" })}
          >
            <option value="put">puts</option>
            <option value="get">gets</option>
          </select>
          <small>gets read what puts wrote</small>
        </label>
        <NumberField
          name="count"
          label="Requests"
          why="in all"
          value={plan.count}
          most={1_000_000}
          onValue={(count) => load.change({ count })}
        />
        <NumberField
          name="concurrency"
          label="At a time"
          why="clients that each wait for their answer"
          value={plan.concurrency}
          most={512}
          onValue={(concurrency) => load.change({ concurrency })}
        />
        <label>
          Keys
          <select
            name="keys"
            value={plan.keys}
            onChange={(event) => load.change({ keys: event.currentTarget.value as KeyChoice })}
          >
            {Object.entries(KEYS).map(([value, { label }]) => (
              <option key={value} value={value}>{label}</option>
            ))}
          </select>
          <small>{KEYS[plan.keys].why}</small>
        </label>
        <NumberField
          name="keyCount"
          label="Different keys"
          why="to choose from"
          value={plan.keyCount}
          most={1_000_000}
          onValue={(keyCount) => load.change({ keyCount })}
        />
        <NumberField
          name="valueBytes"
          label="Value, bytes"
          why="of each put"
          value={plan.valueBytes}
          least={0}
          most={1_048_576}
          onValue={(valueBytes) => load.change({ valueBytes })}
        />
        <label>
          Ask
          <select
            name="to"
            value={plan.to}
            onChange={(event) => load.change({ to: event.currentTarget.value })}
          >
            <option value="any">any node</option>
            <option value="partition-aware">a replica of the key</option>
            {nodes.map((node) => <option key={node.id} value={node.id}>{node.id}</option>)}
          </select>
          <small>a replica saves one hop</small>
        </label>
        <label>
          {plan.operation === "get" ? "R" : "W"}
          <select
            name={plan.operation === "get" ? "r" : "w"}
            value={(plan.operation === "get" ? plan.r : plan.w) ??
              (plan.operation === "get" ? config.r : config.w)}
            onChange={(event) => {
              const value = Number(event.currentTarget.value);
              load.change(plan.operation === "get" ? { r: value } : { w: value });
            }}
          >
            {counts.map((count) => <option key={count} value={count}>{count}</option>)}
          </select>
          <small>{plan.operation === "get" ? "replies to wait for" : "commits to wait for"}</small>
        </label>
      </div>
      <div class="buttons">
        <button type="submit" disabled={current !== null} aria-busy={load.busy.value}>
          Run
        </button>
        {current !== null && (
          <button
            type="button"
            class="secondary js-only"
            onClick={() => void load.stop(current.run)}
          >
            Stop
          </button>
        )}
      </div>
      {current !== null && <RunProgress run={current} />}
      <ProblemNote problem={load.problem.value} />
    </form>
  );
}

function NumberField(
  props: {
    readonly name: string;
    readonly label: string;
    readonly why: string;
    readonly value: number;
    readonly least?: number;
    readonly most: number;
    readonly onValue: (value: number) => void;
  },
) {
  return (
    <label>
      {props.label}
      <input
        type="number"
        name={props.name}
        required
        min={props.least ?? 1}
        max={props.most}
        step={1}
        value={props.value}
        onInput={(event) => props.onValue(event.currentTarget.valueAsNumber)}
      />
      <small>{props.why}</small>
    </label>
  );
}

function RunProgress({ run }: { readonly run: LoadRunView }) {
  const label = `${run.plan.operation} #${run.run}: ${formatCount(run.done)} of ${
    formatCount(run.plan.count)
  }${run.failed > 0 ? `, ${formatCount(run.failed)} not acknowledged` : ""}`;
  return (
    <p class="run-progress">
      <progress value={run.done} max={run.plan.count} aria-label={`Progress of load ${run.run}`} />
      <span class="small">{label}</span>
    </p>
  );
}

function HistogramFigure(
  { overlay, clusterId }: { readonly overlay: Overlay; readonly clusterId: string },
) {
  return (
    <PlotFrame
      title="Latency of acknowledged requests"
      fileName={`${clusterId}-latency`}
      caption={
        <>
          Share of each run’s requests in steps of{" "}
          {formatMs(overlay.binMs)}; the last step holds all that were slower.{" "}
          {overlay.series.map((one) => (
            <span key={one.run} class="legend">
              <svg class="swatch" width="18" height="12" aria-hidden="true">
                <g class={`series series-${one.operation}`}>
                  <rect x="0.5" y="0.5" width="17" height="11" />
                </g>
              </svg>{" "}
              {one.label}
            </span>
          ))}
        </>
      }
      columns={["from, ms", "to, ms", ...overlay.series.map((one) => `${one.label}, %`)]}
      rows={overlay.bins.map((bin, i) => [
        bin.fromMs,
        bin.toMs === Infinity ? "and more" : bin.toMs,
        ...overlay.series.map((one) => Number(((one.shares[i] ?? 0) * 100).toFixed(3))),
      ])}
    >
      <HistogramDrawing overlay={overlay} />
    </PlotFrame>
  );
}

function RunTable({ model }: { readonly model: ClusterModel }) {
  const { load } = model;
  return (
    <div class="run-results">
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Load results">
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col" class="number">Requests</th>
              <th scope="col" class="number" title="Failed for certain, or of unknown outcome">
                Not acked
              </th>
              <th scope="col" class="number">Per second</th>
              <th scope="col" class="number">Mean</th>
              <th scope="col" class="number" title="Standard deviation">SD</th>
              <th scope="col" class="number">p50</th>
              <th scope="col" class="number">p99</th>
              <th scope="col" class="number">p99.9</th>
              <th scope="col">How</th>
            </tr>
          </thead>
          <tbody>
            {load.finished.value.toReversed().map((run) => (
              <RunRow
                key={run.run}
                run={run}
                shown={!load.hidden.value.has(run.run)}
                onToggle={() => load.toggle(run.run)}
              />
            ))}
          </tbody>
        </table>
      </div>
      <p class="js-only">
        <button type="button" class="quiet" onClick={() => void load.clear()}>Clear results</button>
      </p>
    </div>
  );
}

function RunRow(
  { run, shown, onToggle }: {
    readonly run: LoadRunView;
    readonly shown: boolean;
    readonly onToggle: () => void;
  },
) {
  const { plan, result } = run;
  const name = `${plan.operation} #${run.run}`;
  const figures = result === null
    ? null
    : [result.meanMs, result.sdMs, result.p50Ms, result.p99Ms, result.p999Ms];
  return (
    <tr>
      <th scope="row">
        <label class="check">
          <input type="checkbox" checked={shown} onChange={onToggle} aria-label={`Draw ${name}`} />
          <span>{name}</span>
        </label>
      </th>
      <td class="number">{formatCount(run.done)}</td>
      <td class="number">{formatCount(run.failed)}</td>
      <td class="number">{result === null ? "–" : formatCount(result.opsPerSecond)}</td>
      {figures === null
        ? <td colSpan={5}>{run.failure ?? "no figures"}</td>
        : figures.map((ms, i) => <td key={i} class="number">{formatMs(ms)}</td>)}
      <td class="how">
        {run.state === "stopped" ? "stopped early; " : ""}
        {plan.concurrency} at a time, {KEYS[plan.keys].label} of {formatCount(plan.keyCount)} keys
        {plan.r !== undefined && plan.operation === "get" && `, R ${plan.r}`}
        {plan.w !== undefined && plan.operation === "put" && `, W ${plan.w}`}
        {plan.to !== "any" && `, to ${plan.to}`}
      </td>
    </tr>
  );
}
