/**
 * The form that starts a cluster. It is a plain HTML form, so it works without scripts. With scripts,
 * presets fill it in place, and the explanation of N, R and W follows the numbers as they are typed.
 */
import type { Signal } from "@preact/signals";
import { NumberField, SelectField } from "../components/fields.tsx";
import { ProblemNote } from "../components/problem_note.tsx";
import { PARTITIONINGS } from "../lib/dynamo/ring/ring_state.ts";
import { COORDINATOR_CHOICES } from "../lib/dynamo/types/config.ts";
import { VERSION_MODES } from "../lib/dynamo/versions/versions.ts";
import type { Problem } from "./models/api.ts";
import { plural } from "./models/format.ts";
import { type LaunchFields, presetFields, PRESETS } from "./models/presets.ts";
import { explainQuorum } from "./models/quorum.ts";

const PARTITIONING_WHY: Record<typeof PARTITIONINGS[number], string> = {
  "equal-partitions":
    "Strategy 3 of the paper: Q equal partitions, shared out evenly. The best balance.",
  "random-tokens":
    "Strategy 1: each node takes random positions (tokens), which divide the ring into partitions.",
  "random-tokens-equal-partitions":
    "Strategy 2: Q equal partitions; random tokens decide which nodes own them.",
};
const MODE_WHY: Record<typeof VERSION_MODES[number], string> = {
  "dvv": "Dotted version vectors: exactly the concurrent writes become siblings.",
  "vector-clock": "Plain vector clocks, as in the paper: can create false siblings.",
  "lww": "Last writer wins by wall clock: concurrent writes are lost silently.",
};
const COORDINATOR_WHY: Record<typeof COORDINATOR_CHOICES[number], string> = {
  "first": "The first node of the key’s preference list that is up.",
  "random": "A random replica of the key: spreads the load of hot keys.",
  "fastest": "The replica that was fastest in the last read (section 5 of the paper).",
  "least-loaded": "The less busy of two random replicas of the key.",
};

interface LaunchFormProps {
  readonly fields: Signal<LaunchFields>;
  readonly busy: Signal<boolean>;
  readonly problem: Problem | null;
}

export function LaunchForm({ fields, busy, problem }: LaunchFormProps) {
  const current = fields.value;
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
        <CountField
          fields={fields}
          change={change}
          name="nodes"
          label="Nodes"
          max={32}
          why="node processes to start"
        />
        <CountField
          fields={fields}
          change={change}
          name="n"
          label="N"
          max={20}
          why="replicas of each key"
        />
        <CountField
          fields={fields}
          change={change}
          name="r"
          label="R"
          max={20}
          why="replicas that must answer a get"
        />
        <CountField
          fields={fields}
          change={change}
          name="w"
          label="W"
          max={20}
          why="replicas that must commit a put"
        />
      </div>
      <QuorumNote fields={current} />
      <label>
        Injected latency, ms
        <input
          name="latency"
          type="text"
          maxLength={1000}
          autoComplete="off"
          spellcheck={false}
          value={current.latency}
          onInput={(event) => change({ latency: event.currentTarget.value })}
          aria-describedby="latency-why"
        />
        <small id="latency-why">
          Delay added to each message between nodes, in ms. Empty: none. Examples: <code>10</code>,
          {" "}
          <code>uniform(0,20)</code>, <code>exp(0.183)</code>,{" "}
          <code>LNKD-DISK</code>. Or one for each kind of message: <code>W=10;A,R,S=1</code>{" "}
          (W: write, A: its acknowledgement, R: read, S: its response).
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
  const current = fields.value;
  return (
    <details class="more">
      <summary>Partitioning, versions, coordinator, name</summary>
      <ChoiceField
        change={change}
        name="partitioning"
        label="Partitioning"
        value={current.partitioning}
        choices={PARTITIONINGS}
        why={PARTITIONING_WHY[current.partitioning]}
      />
      <div class="fields">
        <CountField
          fields={fields}
          change={change}
          name="partitions"
          label="Partitions, Q"
          max={4096}
          why="number of equal partitions; not used by random-tokens"
        />
        <CountField
          fields={fields}
          change={change}
          name="tokensPerNode"
          label="Tokens per node"
          max={256}
          why="random ring positions of each node; not used by equal-partitions"
        />
      </div>
      <ChoiceField
        change={change}
        name="mode"
        label="Versions"
        value={current.mode}
        choices={VERSION_MODES}
        why={MODE_WHY[current.mode]}
      />
      <ChoiceField
        change={change}
        name="coordinator"
        label="Coordinator"
        value={current.coordinator}
        choices={COORDINATOR_CHOICES}
        why={COORDINATOR_WHY[current.coordinator]}
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
          value={current.name}
          onInput={(event) => change({ name: event.currentTarget.value })}
        />
        <small>
          part of the cluster’s address: a–z, 0–9 and hyphens. Empty: a name is chosen for you
        </small>
      </label>
    </details>
  );
}

/** Presets are links, so they work without scripts. */
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
      {nodes < n &&
        ` With only ${plural(nodes, "node")}, a key has only ${plural(nodes, "replica")}.`}
    </p>
  );
}

interface FieldsProps {
  readonly fields: Signal<LaunchFields>;
  readonly change: (change: Partial<LaunchFields>) => void;
}

type CountName = "nodes" | "n" | "r" | "w" | "partitions" | "tokensPerNode";

function CountField(
  { fields, change, name, ...rest }: FieldsProps & {
    readonly name: CountName;
    readonly label: string;
    readonly max: number;
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

function ChoiceField(
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
