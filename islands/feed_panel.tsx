/** The live feed of protocol events. */
import type { ClusterModel } from "./models/cluster_model.ts";
import { FEED_KINDS, type FeedEntry } from "./models/feed_model.ts";
import { formatClock, formatCount } from "./models/format.ts";

export function FeedPanel({ model }: { readonly model: ClusterModel }) {
  const { feed } = model;
  const hidden = feed.hidden.value;
  const entries = feed.entries.value.filter((entry) => !hidden.has(entry.kind));
  return (
    <section id="events" aria-labelledby="events-title">
      <h2 id="events-title">Protocol events</h2>
      <p class="small">What the nodes do, newest first. Times are in UTC.</p>
      <p class="no-js-only">The live feed needs JavaScript.</p>
      <div class="feed-tools js-only" role="toolbar" aria-label="Kinds of events to show">
        {FEED_KINDS.map(({ kind, label, why }) => (
          <button
            key={kind}
            type="button"
            class="chip"
            title={why}
            aria-pressed={!hidden.has(kind)}
            onClick={() => feed.toggleKind(kind)}
          >
            {label}
          </button>
        ))}
        <button
          type="button"
          class="chip"
          aria-pressed={feed.paused.value}
          onClick={() => feed.togglePause()}
        >
          Pause
        </button>
        <button type="button" class="quiet" onClick={() => feed.clear()}>Clear</button>
      </div>
      <div
        class="feed-scroll js-only"
        role="log"
        aria-live="off"
        tabIndex={0}
        aria-label="Protocol events"
      >
        {entries.length === 0
          ? <EmptyFeed filtered={feed.entries.value.length > 0} />
          : (
            <ol class="feed">
              {entries.map((entry) => <FeedLine key={entry.serial} entry={entry} model={model} />)}
            </ol>
          )}
      </div>
      {feed.dropped.value > 0 && (
        <p class="small">
          {formatCount(feed.dropped.value)}{" "}
          more events came too fast to show. Each node sends all of its own events at{" "}
          <code>/events</code>.
        </p>
      )}
    </section>
  );
}

/** Explains what the feed will show. */
function EmptyFeed({ filtered }: { readonly filtered: boolean }) {
  if (filtered) {
    return <p class="empty">All events so far are of kinds that are switched off above.</p>;
  }
  return (
    <div class="empty">
      <p>
        No events yet. Get or put a key, run a load, or kill a node. Idle nodes compare their Merkle
        trees every few seconds. The feed will show:
      </p>
      <dl class="feed-kinds">
        {FEED_KINDS.map(({ kind, label, why }) => (
          <div key={kind}>
            <dt>{label}</dt>
            <dd>{why}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function FeedLine(
  { entry, model }: { readonly entry: FeedEntry; readonly model: ClusterModel },
) {
  const { event } = entry;
  return (
    <li class={`kind-${entry.kind}`}>
      <time>{formatClock(entry.at)}</time>
      <span class="feed-node">{entry.node}</span>
      <span class="feed-text">{entry.text}</span>
      {event.type === "request" && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            model.keys.show(event);
            document.getElementById("keys")?.scrollIntoView();
          }}
          aria-label={`Show the replicas of ${event.method} ${event.key}`}
        >
          replicas
        </button>
      )}
    </li>
  );
}
