/**
 * The live feed: protocol events in sentences, newest first. Bounded, and told to the page in
 * batches, because a cluster under load makes thousands a second and a page shows dozens.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ProtocolEvent } from "./api.ts";
import { formatMs, plural } from "./format.ts";
import { servedUs } from "./waterfall.ts";

/** A node that joins among a few makes 100 to 200 events: who joined should still stand below them. */
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
  { kind: "request", label: "requests", why: "a get, put or delete was answered, and by whom" },
  {
    kind: "routing",
    label: "forwards",
    why: "a node passed a request on to one of the key’s replicas",
  },
  {
    kind: "repair",
    label: "repairs",
    why: "read repair, hints on their way home, comparisons of Merkle trees",
  },
  { kind: "conflict", label: "siblings", why: "concurrent writes of a key stand side by side" },
  {
    kind: "node",
    label: "nodes",
    why: "a node believes another down or up, or finds its own disk empty",
  },
  {
    kind: "membership",
    label: "membership",
    why: "a node joins, leaves or is removed, and ranges of keys change owners",
  },
  {
    kind: "trouble",
    label: "trouble",
    why: "silence, failed calls, failed requests, errors of a disk",
  },
];

export interface FeedEntry {
  /** Rises with arrival: a key for rendering. */
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
  /** Events that were never shown, because there were too many. */
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

  /** Shows what came since the last flush; a paused feed keeps what it shows. */
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

/** An event in a sentence. Types that this page does not know are shown by name, not hidden. */
export function describe(event: ProtocolEvent): { kind: FeedKind; text: string } {
  switch (event.type) {
    case "request":
      return describeRequest(event);
    case "forward":
      return {
        kind: "routing",
        text: `passed ${event.key} on to ${event.to}, one of its replicas`,
      };
    case "read-repair":
      return { kind: "repair", text: `read repair: sent ${event.to} the newer ${event.key}` };
    case "siblings":
      return { kind: "conflict", text: `${event.key} has ${plural(event.count, "sibling")}` };
    case "silent":
      return {
        kind: "trouble",
        text: `passed over ${event.peer}, silent too long for ${event.key}`,
      };
    case "call-failed":
      return { kind: "trouble", text: `${event.method} to ${event.to} failed: ${event.reason}` };
    case "storage-failed":
      return { kind: "trouble", text: `storage failed for ${event.key}: ${event.reason}` };
    case "recovered":
      return { kind: "repair", text: `${event.key} was damaged here, and is whole again` };
    case "hint-stored":
      return { kind: "repair", text: `keeps ${event.key} for ${event.for} until that is back` };
    case "hint-delivered":
      return {
        kind: "repair",
        text: event.to === event.for
          ? `handed ${event.key} over to ${event.for}, which is back`
          : `handed ${event.key}, kept for ${event.for}, to ${event.to}`,
      };
    case "anti-entropy":
      return { kind: "repair", text: describeExchange(event) };
    case "node-down":
      return {
        kind: "node",
        text: `believes ${event.peer} down${
          event.phi === null ? "" : `, phi ${event.phi.toFixed(1)}`
        }`,
      };
    case "node-up":
      return { kind: "node", text: `believes ${event.peer} up` };
    case "recovering":
      return { kind: "node", text: CAUSE_WORDS[event.cause] };
    case "caught-up":
      return { kind: "node", text: "holds all its data again: its answers count for reads" };
    case "boot-checked":
      return {
        kind: "node",
        text: event.heard.length === 0
          ? "has started; no peer has answered yet"
          : `has started; heard from ${event.heard.join(", ")}`,
      };
    case "member":
      return {
        kind: "membership",
        text: `knows: ${event.member} ${MEMBER_STATUS_WORDS[event.memberStatus]}`,
      };
    case "range-taken":
      return {
        kind: "membership",
        text: `holds all of range ${event.range} now${from(event)}: ${
          plural(event.keys, "key")
        } in ${formatMs(event.tookUs / 1000)}`,
      };
    case "range-moved":
      return { kind: "membership", text: describeMove(event) };
    case "reaped":
      return { kind: "repair", text: `forgot ${event.key}, deleted everywhere` };
    default:
      return { kind: "node", text: (event as { type: string }).type };
  }
}

/** Until its peers have filled it, nobody takes the node's word that a key is absent. */
const CAUSE_WORDS = {
  replaced: "has a new disk: its answers count for no read until peers have filled it",
  restored:
    "has an older copy of its disk: its answers count for no read until peers have filled it",
} as const;

const MEMBER_STATUS_WORDS = {
  member: "is a member",
  leaving: "is leaving",
  left: "has left",
  removed: "was removed",
} as const;

function from({ from }: { readonly from: string | null }): string {
  return from === null ? "" : `, from ${from}`;
}

function describeMove(event: Extract<ProtocolEvent, { type: "range-moved" }>): string {
  const { range, from, to } = event;
  if (from === null && to === null) return `range ${range}: its owners stand in another order`;
  if (to === null) return `range ${range}: ${from} owns it no more`;
  return from === null ? `range ${range}: now also ${to}’s` : `range ${range}: ${from} → ${to}`;
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
  const who = answered.map((replica) => replica.node).join(", ");
  switch (event.outcome) {
    case "ok":
      return {
        kind: "request",
        text:
          `${event.method} ${event.key}: ok in ${took}, ${event.needed} needed, ${who} answered`,
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
