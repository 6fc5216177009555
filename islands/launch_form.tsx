/**
 * The form that starts a cluster. It posts as forms do, so it works without scripts; with them, presets
 * fill it in place and the meaning of N, R and W follows the numbers as they are typed.
 */
import type { Signal } from "@preact/signals";
import { NumberField, SelectField } from "../components/fields.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import { PARTITIONINGS } from "../lib/dynamo/ring/ring_state.ts";
import { COORDINATOR_CHOICES } from "../lib/dynamo/types/config.ts";
import { VERSION_MODES } from "../lib/dynamo/versions/versions.ts";
import type { Problem } from "./models/api.ts";
import { type LaunchFields, presetFields, PRESETS } from "./models/presets.ts";
import { explainQuorum } from "./models/quorum.ts";

const PARTITIONING_WHY: Record<typeof PARTITIONINGS[number], string> = {
  "equal-partitions":
    "Strategy 3 of the paper: the ring is cut into Q equal parts, dealt out evenly. Best balance.",
  "random-tokens":
    "Strategy 1: each node draws random points; a range between two points is a partition.",
  "random-tokens-equal-partitions":
    "Strategy 2: equal parts, but random points still decide who holds them.",
};
const MODE_WHY: Record<typeof VERSION_MODES[number], string> = {
  "dvv": "Dotted version vectors: concurrent writes stay siblings, exactly.",
  "vector-clock": "Plain vector clocks, as in the paper: siblings can multiply.",
  "lww": "Last writer wins by wall clock: concurrent writes are lost in silence.",
};
const COORDINATOR_WHY: Record<typeof COORDINATOR_CHOICES[number], string> = {
  "first": "The first of the key’s preference list that is up.",
  "random": "Any of the key’s replicas, by lot: spreads hot keys.",
  "fastest": "The replica that answered the last read first (section 5 of the paper).",
  "least-loaded": "The less busy of two replicas drawn by lot.",
};

interface LaunchFormProps {
  readonly fields: Signal<LaunchFields>;
  readonly busy: Signal<boolean>;
  readonly problem: Problem | null;
}

export function LaunchForm({ fields, busy, problem }: LaunchFormProps) {
  const now = fields.value;
  const change = (change: Partial<LaunchFields>) => fields.value = { ...fields.value, ...change };
  return (
    <form
      class="launch"
      method="post"
      action="/clusters"
      onSubmit={() => busy.value = true}
    >
      <ProblemNote problem={problem} />
      <Presets onPick={(picked) => fields.value = { ...picked, name: fields.value.name }} />
      <div class="fields">
        <Whole
          fields={fields}
          change={change}
          name="nodes"
          label="Nodes"
          most={32}
          why="processes to start"
        />
        <Whole fields={fields} change={change} name="n" label="N" most={20} why="replicas a key" />
        <Whole
          fields={fields}
          change={change}
          name="r"
          label="R"
          most={20}
          why="replies a get waits for"
        />
        <Whole
          fields={fields}
          change={change}
          name="w"
          label="W"
          most={20}
          why="commits a put waits for"
        />
      </div>
      <QuorumNote fields={now} />
      <label>
        Injected latency
        <input
          name="latency"
          type="text"
          maxLength={1000}
          autoComplete="off"
          spellcheck={false}
          value={now.latency}
          onInput={(event) => change({ latency: event.currentTarget.value })}
          aria-describedby="latency-why"
        />
        <small id="latency-why">
          Added to each message between nodes, in ms; empty for none. <code>10</code>,{" "}
          <code>uniform(0,20)</code>, <code>exp(0.183)</code>, <code>LNKD-DISK</code>, or by leg:
          {" "}
          <code>W=10;A,R,S=1</code> (W a write, A its acknowledgement, R a read, S its response).
        </small>
      </label>
      <MoreFields fields={fields} change={change} />
      <button type="submit" aria-busy={busy.value}>
        {busy.value ? "Starting" : "Start the cluster"}
      </button>
    </form>
  );
}

function MoreFields({ fields, change }: FieldsProps) {
  const now = fields.value;
  return (
    <details class="more">
      <summary>Partitioning, versions, coordinator, name</summary>
      <Choice
        change={change}
        name="partitioning"
        label="Partitioning"
        value={now.partitioning}
        choices={PARTITIONINGS}
        why={PARTITIONING_WHY[now.partitioning]}
      />
      <div class="fields">
        <Whole
          fields={fields}
          change={change}
          name="partitions"
          label="Partitions, Q"
          most={4096}
          why="equal parts; not used by random-tokens"
        />
        <Whole
          fields={fields}
          change={change}
          name="tokensPerNode"
          label="Tokens a node"
          most={256}
          why="points it draws; random partitionings only"
        />
      </div>
      <Choice
        change={change}
        name="mode"
        label="Versions"
        value={now.mode}
        choices={VERSION_MODES}
        why={MODE_WHY[now.mode]}
      />
      <Choice
        change={change}
        name="coordinator"
        label="Coordinator"
        value={now.coordinator}
        choices={COORDINATOR_CHOICES}
        why={COORDINATOR_WHY[now.coordinator]}
      />
      <label>
        Name
        <input
          name="name"
          type="text"
          pattern="[a-z0-9][a-z0-9\-]{0,39}"
          maxLength={40}
          autoComplete="off"
          spellcheck={false}
          value={now.name}
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
        <small>part of its address: a–z, 0–9 and hyphens; drawn when left empty</small>
      </label>
    </details>
  );
}

/** Links, so that they work without scripts as well. */
function Presets({ onPick }: { readonly onPick: (fields: LaunchFields) => void }) {
  return (
    <ul class="presets" aria-label="Presets">
      {PRESETS.map((preset) => (
        <li key={preset.id}>
          <a
            href={`/?preset=${preset.id}#start`}
            onClick={(event) => {
              event.preventDefault();
              onPick(presetFields(preset.id));
            }}
          >
            {preset.label}
          </a>
          <small>{preset.why}</small>
        </li>
      ))}
    </ul>
  );
}

function QuorumNote({ fields }: { readonly fields: LaunchFields }) {
  const { n, r, w, nodes } = fields;
  const meaning = explainQuorum(n, r, w);
  if (meaning === null) {
    return (
      <p class="quorum quorum-wrong" role="status">
        R and W must be from 1 to N.
      </p>
    );
  }
  return (
    <p class={`quorum ${meaning.overlapping ? "quorum-meets" : "quorum-misses"}`} role="status">
      <strong>{meaning.rule}.</strong> {meaning.meaning} {meaning.failures}
      {nodes < n && ` With ${nodes} nodes a key has only ${nodes} replicas.`}
    </p>
  );
}

interface FieldsProps {
  readonly fields: Signal<LaunchFields>;
  readonly change: (change: Partial<LaunchFields>) => void;
}

type WholeName = "nodes" | "n" | "r" | "w" | "partitions" | "tokensPerNode";

function Whole(
  { fields, change, name, ...rest }: FieldsProps & {
    readonly name: WholeName;
    readonly label: string;
    readonly most: number;
    readonly why: string;
  },
) {
  return (
    <NumberField
      {...rest}
      name={name}
      value={fields.value[name]}
      onValue={(value) => change({ [name]: value })}
    />
  );
}

function Choice(
  { name, choices, change, ...rest }: {
    readonly name: "partitioning" | "mode" | "coordinator";
    readonly label: string;
    readonly value: string;
    readonly choices: readonly string[];
    readonly why: string;
    readonly change: (change: Partial<LaunchFields>) => void;
  },
) {
  return (
    <SelectField
      {...rest}
      name={name}
      options={choices.map((choice) => [choice, choice])}
      onValue={(value) => change({ [name]: value })}
    />
  );
}
