/** Load: run many requests, and compare how long they took. */
import { countOptions, NumberField, SelectField } from "../components/fields.tsx";
import { HistogramDrawing } from "../components/histogram_drawing.tsx";
import { PlotFrame } from "../components/plot_frame.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import { KEY_CHOICES, type KeyChoice, type LoadRunView } from "./models/api.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatCount, formatMs, plural } from "./models/format.ts";
import type { Overlay } from "./models/histogram.ts";

const KEYS: Record<KeyChoice, { readonly label: string; readonly why: string }> = {
  "uniform": { label: "uniform", why: "every key is equally popular" },
  "hot-set": { label: "hot set", why: "1% of the keys get 90% of the requests" },
  "zipfian": { label: "zipfian", why: "few keys are very popular, as on the web (exponent 0.99)" },
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
              Run a load of puts, then one of gets. Their latency histograms appear here, in one
              drawing.
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
  const current = load.current.value;
  return (
    <form
      class="load-form"
      method="post"
      action={`/clusters/${model.cluster.value.id}/load`}
      onSubmit={(event) => {
        event.preventDefault();
        void load.start();
      }}
    >
      <LoadFields model={model} />
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

function LoadFields({ model }: { readonly model: ClusterModel }) {
  const { load } = model;
  const { nodes } = model.cluster.value;
  const plan = load.plan.value;
  const numbers = [
    ["count", "Requests", "how many to send in total", 1, 1_000_000],
    ["concurrency", "Clients", "each has one request in flight at a time", 1, 512],
    ["keyCount", "Different keys", "how many keys the requests choose from", 1, 1_000_000],
    ["valueBytes", "Value size, bytes", "size of the value in each put", 0, 1_048_576],
  ] as const;
  return (
    <div class="fields">
      <SelectField
        name="operation"
        label="Operation"
        why="run puts first, so that gets find values"
        value={plan.operation}
        options={[["put", "puts"], ["get", "gets"]]}
        onValue={(value) => load.change({ operation: value === "get" ? "get" : "put" })}
      />
      <SelectField
        name="keys"
        label="Keys"
        why={KEYS[plan.keys].why}
        value={plan.keys}
        options={KEY_CHOICES.map((choice) => [choice, KEYS[choice].label])}
        onValue={(value) => load.change({ keys: value as KeyChoice })}
      />
      {numbers.map(([name, label, why, min, max]) => (
        <NumberField
          key={name}
          name={name}
          label={label}
          why={why}
          min={min}
          max={max}
          value={plan[name]}
          onValue={(value) => load.change({ [name]: value })}
        />
      ))}
      <SelectField
        name="to"
        label="Send to"
        why="asking a replica of the key saves one hop"
        value={plan.to}
        options={[
          ["any", "any node"],
          ["partition-aware", "a replica of the key"],
          ...nodes.map(({ id }) => [id, id] as const),
        ]}
        onValue={(to) => load.change({ to })}
      />
      <QuorumField model={model} />
    </div>
  );
}

/** R for gets, W for puts. */
function QuorumField({ model }: { readonly model: ClusterModel }) {
  const { load } = model;
  const { config } = model.cluster.value;
  const plan = load.plan.value;
  return plan.operation === "get"
    ? (
      <SelectField
        key="r"
        name="r"
        label="R"
        why="replicas that must answer each get"
        value={String(plan.r ?? config.r)}
        options={countOptions(config.n)}
        onValue={(value) => load.change({ r: Number(value) })}
      />
    )
    : (
      <SelectField
        key="w"
        name="w"
        label="W"
        why="replicas that must commit each put"
        value={String(plan.w ?? config.w)}
        options={countOptions(config.n)}
        onValue={(value) => load.change({ w: Number(value) })}
      />
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
          Share of each run’s requests, in steps of{" "}
          {formatMs(overlay.binMs)}. The last step counts all slower requests.{" "}
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
        bin.toMs === Infinity ? "or more" : bin.toMs,
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
              <th
                scope="col"
                class="number"
                title="Requests that failed, or whose outcome is unknown"
              >
                Errors
              </th>
              <th scope="col" class="number">Requests/s</th>
              <th scope="col" class="number" title="Mean latency">Mean</th>
              <th scope="col" class="number" title="Standard deviation of the latency">SD</th>
              <th scope="col" class="number" title="Half of the requests took at most this">p50</th>
              <th scope="col" class="number" title="99% of the requests took at most this">p99</th>
              <th scope="col" class="number" title="99.9% of the requests took at most this">
                p99.9
              </th>
              <th scope="col">Settings</th>
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
        ? <td colSpan={5}>{run.failure ?? "no results"}</td>
        : figures.map((ms, i) => <td key={i} class="number">{formatMs(ms)}</td>)}
      <td class="how">
        {run.state === "stopped" ? "stopped early; " : ""}
        {plural(plan.concurrency, "client")}, {KEYS[plan.keys].label} of{" "}
        {formatCount(plan.keyCount)} keys
        {plan.r !== undefined && plan.operation === "get" && `, R ${plan.r}`}
        {plan.w !== undefined && plan.operation === "put" && `, W ${plan.w}`}
        {plan.to !== "any" && `, to ${plan.to}`}
      </td>
    </tr>
  );
}
