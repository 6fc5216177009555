/** Put, get and delete one key, and see the result replica by replica. */
import { countOptions, SelectField } from "../components/fields.tsx";
import { Swatch } from "../components/owner.tsx";
import { PlotFrame } from "../components/plot_frame.tsx";
import { WaterfallDrawing } from "../components/waterfall_drawing.tsx";
import { KeyOutcome } from "./key_outcome.tsx";
import type { NodeView } from "./models/api.ts";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatMs } from "./models/format.ts";
import { placeOf } from "./models/ring_geometry.ts";

export function KeysPanel({ model }: { readonly model: ClusterModel }) {
  const { keys } = model;
  return (
    <section id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <div class="split">
        <KeyForm model={model} />
        <div class="results">
          <div aria-live="polite">
            <KeyOutcome model={model} />
          </div>
          {keys.waterfall.value !== null && <RequestFigure model={model} />}
          {keys.outcome.value === null && keys.waterfall.value === null && (
            <p class="empty">
              Put a value, then get it. The result, the replicas that answered, and how long each
              took appear here.
            </p>
          )}
        </div>
      </div>
    </section>
  );
}

function KeyForm({ model }: { readonly model: ClusterModel }) {
  const { keys } = model;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const button = event.submitter as HTMLButtonElement | null;
    if (button?.value === "put") void keys.put();
    else if (button?.value === "delete") void keys.remove();
    else void keys.get();
  };
  return (
    <form
      class="key-form"
      method="post"
      action={`/clusters/${model.cluster.value.id}/kv`}
      onSubmit={submit}
    >
      <label>
        Key
        <input
          name="key"
          type="text"
          required
          maxLength={1024}
          autoComplete="off"
          spellcheck={false}
          value={keys.key.value}
          onInput={(event) => keys.key.value = event.currentTarget.value}
          aria-describedby="key-place"
        />
      </label>
      <KeyPlace model={model} />
      <label>
        Value
        <textarea
          name="value"
          rows={3}
          value={keys.value.value}
          onInput={(event) => keys.value.value = event.currentTarget.value}
        />
      </label>
      <KeyOptions model={model} />
      <ContextSwitch model={model} />
      <div class="buttons">
        {BUTTONS.map(({ op, label, look }) => (
          <button
            key={op}
            type="submit"
            name="op"
            value={op}
            class={look}
            aria-busy={keys.busy.value === op}
          >
            {label}
          </button>
        ))}
      </div>
    </form>
  );
}

const BUTTONS = [
  { op: "get", label: "Get", look: undefined },
  { op: "put", label: "Put", look: "secondary" },
  { op: "delete", label: "Delete", look: "quiet" },
] as const;

function KeyOptions({ model }: { readonly model: ClusterModel }) {
  const { keys } = model;
  const { nodes, config } = model.cluster.value;
  return (
    <div class="fields">
      <SelectField
        name="r"
        label="R"
        why="replicas that must answer a get"
        value={keys.r.value || String(config.r)}
        options={countOptions(config.n)}
        onValue={(value) => keys.r.value = value}
      />
      <SelectField
        name="w"
        label="W"
        why="replicas that must commit a put"
        value={keys.w.value || String(config.w)}
        options={countOptions(config.n)}
        onValue={(value) => keys.w.value = value}
      />
      <SelectField
        name="node"
        label="Node"
        why="which node to ask; each one serves every key"
        value={keys.node.value}
        options={[["", "any"], ...nodes.map(({ id }) => [id, id] as const)]}
        onValue={(value) => keys.node.value = value}
      />
    </div>
  );
}

/** Whether a put replaces the version that was read, or becomes a sibling of it. */
function ContextSwitch({ model }: { readonly model: ClusterModel }) {
  const { keys } = model;
  const held = keys.held.value;
  const heldHere = held !== null && held.key === keys.key.value;
  const meaning = !keys.useContext.value
    ? "Off: a put sends no context and becomes a sibling of any existing version."
    : heldHere
    ? "A put sends the context of your last request and replaces the versions it saw."
    : "You have not read this key yet: a put becomes a sibling of any existing version.";
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          role="switch"
          name="useContext"
          checked={keys.useContext.value}
          onChange={(event) => keys.useContext.value = event.currentTarget.checked}
        />
        <span>
          Replace the version I read
          <small>{meaning}</small>
        </span>
      </label>
      <input type="hidden" name="context" value={heldHere ? held.context : ""} />
    </>
  );
}

/** The key's position and preference list, computed in the page by the same code as in the nodes. */
function KeyPlace({ model }: { readonly model: ClusterModel }) {
  const ring = model.ring.value;
  const key = model.keys.key.value;
  if (ring === null || key === "") {
    return <p id="key-place" class="small">Any text. Its MD5 hash is its position on the ring.</p>;
  }
  const place = placeOf(ring, key);
  const nodes = model.cluster.value.nodes;
  return (
    <div id="key-place" class="key-place small">
      <p>
        Position <code>{place.position.slice(0, 16)}…</code>, partition {place.partition}.
      </p>
      <ol aria-label="Preference list">
        {place.preferenceList.map((entry) => (
          <li key={entry.id} class={entry.primary ? "primary" : "fallback"}>
            <Swatch index={markOf(nodes, entry.id)} /> {entry.id}
          </li>
        ))}
      </ol>
    </div>
  );
}

function RequestFigure({ model }: { readonly model: ClusterModel }) {
  const waterfall = model.keys.waterfall.value;
  if (waterfall === null) return null;
  const nodes = model.cluster.value.nodes;
  return (
    <PlotFrame
      title={`The last request: ${waterfall.method} ${waterfall.key}`}
      fileName={`${waterfall.method}-waterfall`}
      caption={`One bar per replica. Time starts when the request reached its coordinator, ${waterfall.coordinator}. The client was answered after ${
        formatMs(waterfall.servedMs)
      }.`}
      columns={["replica", "asked at, ms", "answered at, ms", "outcome", "note"]}
      rows={waterfall.bars.map((bar) => [
        bar.node,
        bar.fromMs,
        bar.toMs ?? "",
        bar.outcome,
        bar.note,
      ])}
    >
      <WaterfallDrawing
        waterfall={waterfall}
        indexOf={(id) => Math.max(0, markOf(nodes, id))}
      />
    </PlotFrame>
  );
}

/** -1 for a node that is no longer a member. */
function markOf(nodes: readonly NodeView[], id: string): number {
  return nodes.find((node) => node.id === id)?.mark ?? -1;
}
