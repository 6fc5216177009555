/** The result of the last request: a value, siblings to reconcile, an acknowledgement, or a problem. */
import { ProblemNote } from "../components/problem_note.tsx";
import type { ClusterModel } from "./models/cluster_model.ts";
import { formatBytes, plural } from "./models/format.ts";
import type { KeyRequestResult, ReadResult } from "./models/keys_model.ts";
import { type ClockPart, mergedText, type SiblingCard } from "./models/siblings.ts";

export function KeyOutcome({ model }: { readonly model: ClusterModel }) {
  const outcome = model.keys.outcome.value;
  switch (outcome?.kind) {
    case "problem":
      return <ProblemNote problem={outcome.problem} />;
    case "written":
      return <Written outcome={outcome} />;
    case "read":
      return <Read model={model} read={outcome.read} />;
    default:
      return null;
  }
}

function Written(
  { outcome }: { readonly outcome: Extract<KeyRequestResult, { kind: "written" }> },
) {
  const { written, method } = outcome;
  return (
    <div class="outcome">
      <h3>{method === "put" ? "Stored" : "Deleted"}: {written.key}</h3>
      <p>
        Coordinated by {written.coordinator}. Committed on{" "}
        <strong>{written.acks.join(", ")}</strong> before the client was answered.
        {written.hints.map(({ holder, for: owner }) => (
          <>{" "}{holder} keeps a hint for {owner} until {owner} is back.</>
        ))}
        {method === "delete" && " The key now holds a tombstone."}
      </p>
    </div>
  );
}

function Read({ model, read }: { readonly model: ClusterModel; readonly read: ReadResult }) {
  const from = read.coordinator === null ? "" : `, read through ${read.coordinator}`;
  if (read.siblings.length === 0) {
    return (
      <div class="outcome">
        <h3>No such key: {read.key}</h3>
        <p>
          {read.context === null
            ? `No replica that answered has it${from}.`
            : `It was deleted${from}. A put with this context replaces the tombstone.`}
        </p>
      </div>
    );
  }
  if (read.siblings.length === 1) {
    return (
      <div class="outcome">
        <h3>{read.key}</h3>
        {read.siblings.map((card, i) => <Version key={i} card={card} />)}
        <p class="small">One version{from}.</p>
      </div>
    );
  }
  return <Siblings model={model} read={read} />;
}

/** Concurrent versions side by side. Keeping one, or writing a merged value, replaces them all. */
function Siblings({ model, read }: { readonly model: ClusterModel; readonly read: ReadResult }) {
  const action = `/clusters/${model.cluster.value.id}/kv`;
  const merged = mergedText(read.siblings);
  return (
    <div class="outcome">
      <h3>{plural(read.siblings.length, "sibling")} of {read.key}</h3>
      <p>
        These versions were written concurrently: no writer had seen the others. The store keeps all
        of them until a client that has read them writes a new version.
      </p>
      <div class="siblings">
        {read.siblings.map((card, i) => (
          <form
            key={i}
            class="sibling"
            method="post"
            action={action}
            onSubmit={(event) => {
              event.preventDefault();
              void model.keys.reconcile(card.text);
            }}
          >
            <Version card={card} />
            <HiddenFields read={read} />
            <input type="hidden" name="value" value={card.text} />
            {card.isText && (
              <button type="submit" name="op" value="put" class="secondary">
                Keep this one
              </button>
            )}
          </form>
        ))}
      </div>
      <form
        class="merge"
        method="post"
        action={action}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          void model.keys.reconcile(String(form.get("value") ?? ""));
        }}
      >
        <HiddenFields read={read} />
        <label>
          Or merge them
          <textarea
            name="value"
            rows={Math.min(8, merged.split("\n").length + 1)}
            defaultValue={merged}
          />
        </label>
        <button type="submit" name="op" value="put">Write the merged value</button>
      </form>
    </div>
  );
}

function HiddenFields({ read }: { readonly read: ReadResult }) {
  return (
    <>
      <input type="hidden" name="key" value={read.key} />
      <input type="hidden" name="context" value={read.context ?? ""} />
      <input type="hidden" name="useContext" value="on" />
    </>
  );
}

function Version({ card }: { readonly card: SiblingCard }) {
  return (
    <>
      <pre
        class={card.isText ? "value" : "value value-binary"}
      >{card.text === "" ? " " : card.text}</pre>
      <p class="small">
        {formatBytes(card.bytes)}, <code>{card.contentType}</code>
        {!card.isText && ", shown as hex"}
      </p>
      <dl class="clock">
        <div>
          <dt title="Identifies this write: the node that coordinated it, and a counter per key">
            Dot
          </dt>
          <dd>
            <Entry part={card.dot} />
          </dd>
        </div>
        <div>
          <dt title="What the writer had seen: for each node, all writes up to this number">
            Clock
          </dt>
          <dd>
            {card.clock.length === 0
              ? "empty: the writer had seen no version"
              : card.clock.map((part) => <Entry key={part.actor} part={part} />)}
          </dd>
        </div>
      </dl>
    </>
  );
}

function Entry({ part }: { readonly part: ClockPart }) {
  return (
    <code class="clock-entry" title={part.actor}>
      {part.node}
      <span>:{part.counter}</span>
    </code>
  );
}
