/**
 * The live feed: protocol events as sentences, newest first. It is bounded and updates the page in
 * batches, because a loaded cluster emits thousands of events per second and a page shows dozens.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ProtocolEvent } from "./api.ts";
import { formatMs, plural } from "./format.ts";
import { servedUs } from "./waterfall.ts";

/** A join in a small cluster emits 100 to 200 events; the feed should still show that it began. */
export const FEED_MAX = 300;

type FeedKind =
  | "request"
  | "routing"
  | "repair"
  | "conflict"
  | "node"
  | "membership"
  | "trouble";
export const FEED_KINDS: readonly {
  readonly kind: FeedKind;
  readonly label: string;
  readonly why: string;
}[] = [
  {
    kind: "request",
    label: "requests",
    why: "a get, put or delete was answered, and by which replicas",
  },
  {
    kind: "routing",
    label: "forwards",
    why: "a node forwarded a request to a replica of the key",
  },
  {
    kind: "repair",
    label: "repairs",
    why: "read repair, hinted handoff, comparisons of Merkle trees",
  },
  { kind: "conflict", label: "siblings", why: "a key has several concurrent versions" },
  {
    kind: "node",
    label: "nodes",
    why: "a node believes another one is down or up, or finds that its own disk was replaced",
  },
  {
    kind: "membership",
    label: "membership",
    why: "a node joins, leaves or is removed, and ranges of keys change owners",
  },
  {
    kind: "trouble",
    label: "trouble",
    why: "replicas that do not answer, failed calls, failed requests, disk errors",
  },
];

export interface FeedEntry {
  /** Increases with each event; the key for rendering. */
  readonly serial: number;
  readonly at: number;
  readonly node: string;
  readonly kind: FeedKind;
  readonly text: string;
  readonly event: ProtocolEvent;
}

export class FeedModel {
  readonly #entries = signal<readonly FeedEntry[]>([]);
  readonly #dropped = signal(0);
  readonly #paused = signal(false);
  readonly #hidden = signal<ReadonlySet<FeedKind>>(new Set());
  #pending: FeedEntry[] = [];
  #pendingDropped = 0;
  #serial = 0;

  get entries(): ReadonlySignal<readonly FeedEntry[]> {
    return this.#entries;
  }
  /** Number of events that were never shown, because there were too many. */
  get dropped(): ReadonlySignal<number> {
    return this.#dropped;
  }
  get paused(): ReadonlySignal<boolean> {
    return this.#paused;
  }
  get hidden(): ReadonlySignal<ReadonlySet<FeedKind>> {
    return this.#hidden;
  }

  add(event: ProtocolEvent): void {
    const { kind, text } = describe(event);
    this.#pending.push({
      serial: ++this.#serial,
      at: event.at,
      node: event.node,
      kind,
      text,
      event,
    });
    if (this.#pending.length > FEED_MAX) {
      this.#pending.shift();
      this.#pendingDropped++;
    }
  }

  addDropped(count: number): void {
    this.#pendingDropped += count;
  }

  /** Shows the events since the last flush. A paused feed does not change. */
  flush(): void {
    if (this.#paused.value) return;
    if (this.#pending.length > 0) {
      const newest = this.#pending.toReversed();
      this.#entries.value = [...newest, ...this.#entries.value].slice(0, FEED_MAX);
      this.#pending = [];
    }
    if (this.#pendingDropped > 0) {
      this.#dropped.value += this.#pendingDropped;
      this.#pendingDropped = 0;
    }
  }

  togglePause(): void {
    this.#paused.value = !this.#paused.value;
    this.flush();
  }

  toggleKind(kind: FeedKind): void {
    const hidden = new Set(this.#hidden.value);
    if (!hidden.delete(kind)) hidden.add(kind);
    this.#hidden.value = hidden;
  }

  clear(): void {
    this.#entries.value = [];
    this.#dropped.value = 0;
    this.#pending = [];
    this.#pendingDropped = 0;
  }
}

/** An event as a sentence. A type that this page does not know is shown by name, not hidden. */
export function describe(event: ProtocolEvent): { kind: FeedKind; text: string } {
  switch (event.type) {
    case "request":
      return describeRequest(event);
    case "forward":
      return {
        kind: "routing",
        text: `forwarded ${event.key} to ${event.to}, one of its replicas`,
      };
    case "read-repair":
      return { kind: "repair", text: `read repair: sent ${event.to} the newer ${event.key}` };
    case "siblings":
      return { kind: "conflict", text: `${event.key} has ${plural(event.count, "sibling")}` };
    case "silent":
      return {
        kind: "trouble",
        text: `skipped ${event.peer} for ${event.key}: no answer in time`,
      };
    case "call-failed":
      return { kind: "trouble", text: `${event.method} to ${event.to} failed: ${event.reason}` };
    case "storage-failed":
      return { kind: "trouble", text: `storage failed for ${event.key}: ${event.reason}` };
    case "recovered":
      return { kind: "repair", text: `repaired ${event.key}, which was damaged on its disk` };
    case "hint-stored":
      return {
        kind: "repair",
        text: `keeps a hint: ${event.key} for ${event.for}, until ${event.for} is back`,
      };
    case "hint-delivered":
      return {
        kind: "repair",
        text: event.to === event.for
          ? `hinted handoff: delivered ${event.key} to ${event.for}, which is back`
          : `hinted handoff: delivered ${event.key}, kept for ${event.for}, to ${event.to}`,
      };
    case "anti-entropy":
      return { kind: "repair", text: describeExchange(event) };
    case "node-down":
      return {
        kind: "node",
        text: `believes ${event.peer} is down${
          event.phi === null ? "" : `, phi ${event.phi.toFixed(1)}`
        }`,
      };
    case "node-up":
      return { kind: "node", text: `believes ${event.peer} is up` };
    case "recovering":
      return { kind: "node", text: RECOVERY_CAUSES[event.cause] };
    case "caught-up":
      return { kind: "node", text: "has all its data again; its answers count for reads" };
    case "boot-checked":
      return {
        kind: "node",
        text: event.heard.length === 0
          ? "started; no peer has answered yet"
          : `started; heard from ${event.heard.join(", ")}`,
      };
    case "member":
      return {
        kind: "membership",
        text: `learned: ${event.member} ${MEMBER_STATUSES[event.memberStatus]}`,
      };
    case "range-taken":
      return {
        kind: "membership",
        text: `received range ${event.range}${fromNode(event)}: ${plural(event.keys, "key")} in ${
          formatMs(event.tookUs / 1000)
        }`,
      };
    case "range-moved":
      return { kind: "membership", text: describeMove(event) };
    case "reaped":
      return { kind: "repair", text: `removed the tombstone of ${event.key}` };
    default:
      return { kind: "node", text: (event as { type: string }).type };
  }
}

/** Until the node has recovered, its answer that a key is absent proves nothing. */
const RECOVERY_CAUSES = {
  replaced: "has a new, empty disk; its answers do not count for reads until it has recovered",
  restored:
    "has an older copy of its disk; its answers do not count for reads until it has recovered",
} as const;

const MEMBER_STATUSES = {
  member: "is a member",
  leaving: "is leaving",
  left: "has left",
  removed: "was removed",
} as const;

function fromNode({ from }: { readonly from: string | null }): string {
  return from === null ? "" : ` from ${from}`;
}

function describeMove(event: Extract<ProtocolEvent, { type: "range-moved" }>): string {
  const { range, from, to } = event;
  if (from === null && to === null) return `range ${range}: the order of its owners changed`;
  if (to === null) return `range ${range}: ${from} no longer owns it`;
  return from === null ? `range ${range}: new owner ${to}` : `range ${range}: ${from} → ${to}`;
}

function describeExchange(event: Extract<ProtocolEvent, { type: "anti-entropy" }>): string {
  const { peer, ranges, rangesDiffering, keysRepaired, tookUs } = event;
  const found = rangesDiffering === 0
    ? "no difference"
    : `${plural(rangesDiffering, "difference")}, ${plural(keysRepaired, "key")} repaired`;
  return `compared ${plural(ranges, "range")} with ${peer}: ${found}, ${formatMs(tookUs / 1000)}`;
}

function describeRequest(
  event: Extract<ProtocolEvent, { type: "request" }>,
): { kind: FeedKind; text: string } {
  const answered = event.replicas.filter((replica) => replica.outcome === "answered");
  const took = formatMs(servedUs(event) / 1000);
  const nodes = answered.map((replica) => replica.node).join(", ");
  switch (event.outcome) {
    case "ok":
      return {
        kind: "request",
        text:
          `${event.method} ${event.key}: ok in ${took}, ${event.needed} needed, ${nodes} answered`,
      };
    case "absent":
      return { kind: "request", text: `${event.method} ${event.key}: no such key, ${took}` };
    default:
      return {
        kind: "trouble",
        text:
          `${event.method} ${event.key}: ${event.outcome} after ${took}, ${event.needed} needed, ${answered.length} answered`,
      };
  }
}
