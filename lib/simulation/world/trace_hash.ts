/**
 * A short text that is equal for two runs exactly if they were the same run.
 *
 * It covers every event that a replica gets, with its time, its node and a digest of its contents, every
 * action of the fault driver, and every answer that a client gets. Digests are short, because a run has
 * millions of events: of a version the counter of its dot, its time, the end of its value and the size of
 * its clock; of a text its length and its last few characters. Any other difference soon changes which
 * messages are sent, and when.
 *
 * Each event is hashed to one word like in Firefox's FxHash; a text inside it becomes a word by rotation
 * only. The word goes into two lanes of 32 bits, which mix by multiplying and rotating with different
 * constants and are joined to 64 bits at the end. The hash is well distributed, but not cryptographic.
 * Integers wrap at 32 bits, equally on every machine. Copies through JSON make no difference, because
 * only contents are hashed.
 */
import type { ClientReply, ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { PeerReply, PeerRequest } from "../../dynamo/types/peer_messages.ts";
import type { Clock, Dot } from "../../dynamo/versions/clock.ts";
import type { CausalContext, Siblings, Version } from "../../dynamo/versions/versions.ts";
import type { ClientOutcome } from "./tasks.ts";

const TWO_32 = 2 ** 32;
const TEXT_HASHED = 4;

/** Used instead of a node's index. */
const NO_NODE = -1;
const ANSWER_CODE = 20;
const FAULT_CODE = 30;

export class TraceHash {
  private a = 0x9747b28c | 0;
  private b = 0x1b873593 | 0;
  /** The number of hashed events. */
  private count = 0;

  clone(): TraceHash {
    const copy = new TraceHash();
    copy.a = this.a;
    copy.b = this.b;
    copy.count = this.count;
    return copy;
  }

  /** 16 hex digits. */
  get hex(): string {
    const high = finish(this.a ^ this.count);
    const low = finish(this.b + high | 0);
    return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
  }

  /** A replica gets an event at that time (virtual µs). */
  event(at: number, node: number, event: Event): void {
    this.add(eventHash(mixNumber(node << 8, at), event));
  }

  /** A client gets its answer. */
  answer(at: number, token: number, outcome: ClientOutcome): void {
    const hash = mix(mixNumber(NO_NODE << 8 ^ ANSWER_CODE, at), token);
    this.add(
      outcome.kind === "reply" ? clientReplyHash(hash, outcome.reply) : mixText(hash, outcome.kind),
    );
  }

  /** A fault begins. */
  fault(at: number, text: string): void {
    this.add(mixText(mixNumber(NO_NODE << 8 ^ FAULT_CODE, at), text));
  }

  private add(word: number): void {
    const a = Math.imul(this.a ^ word, 0x85ebca6b);
    this.a = a << 13 | a >>> 19;
    const b = Math.imul(this.b + word | 0, 0xc2b2ae35);
    this.b = b ^ b >>> 15;
    this.count++;
  }
}

function mix(hash: number, word: number): number {
  return Math.imul((hash << 5 | hash >>> 27) ^ word, 0x9e3779b1);
}

/** An integer of up to 53 bits. */
function mixNumber(hash: number, value: number): number {
  const mixed = mix(hash, value | 0);
  return value >= TWO_32 || value < 0 ? mix(mixed, Math.floor(value / TWO_32) | 0) : mixed;
}

/** The length and the last {@link TEXT_HASHED} code units. */
function mixText(hash: number, text: string): number {
  const { length } = text;
  let word = length;
  for (let i = length > TEXT_HASHED ? length - TEXT_HASHED : 0; i < length; i++) {
    word = (word << 5 | word >>> 27) ^ text.charCodeAt(i);
  }
  return mix(hash, word);
}

/** Each kind of event has a number of its own. */
function eventHash(hash: number, event: Event): number {
  switch (event.kind) {
    case "client":
      return clientRequestHash(mix(hash, event.id << 4 ^ 1), event.request);
    case "peer":
      return peerRequestHash(mixText(mix(hash, event.id << 4 ^ 2), event.from), event.request);
    case "reply":
      return peerReplyHash(mix(hash, event.id << 4 ^ 3), event.reply);
    case "call-failed":
      return mix(mix(hash, event.id << 4 ^ 4), event.undelivered ? 1 : 2);
    case "loaded":
      // Its contents were hashed when they were stored, and will be when they are sent.
      return mix(mix(hash, event.id << 4 ^ 5), event.record?.siblings.length ?? -1);
    case "stored":
      return mix(hash, event.id << 4 ^ 6);
    case "storage-failed":
      return mix(mix(hash, event.id << 4 ^ 7), event.unreadable === true ? 1 : 2);
    case "timer":
      return mix(hash, event.id << 4 ^ 8);
    case "start":
      return mix(hash, 9);
    case "hints-scanned":
      return event.places.reduce(
        (scanned, { key }) => mixText(scanned, key),
        mix(hash, event.id << 4 ^ 10),
      );
    case "scanned":
      return event.records.reduce(
        (scanned, { key, siblings }) => siblingsHash(mixText(scanned, key), siblings),
        mix(hash, event.id << 4 ^ 11),
      );
    case "admin":
      return mixText(mix(hash, event.id << 4 ^ 12), JSON.stringify(event.request));
  }
}

function clientReplyHash(hash: number, reply: ClientReply): number {
  switch (reply.status) {
    case "read": {
      const { coordinator, context, siblings } = reply;
      return siblingsHash(contextHash(mixText(mix(hash, 1), coordinator), context), siblings);
    }
    case "written": {
      const written = contextHash(mixText(mix(hash, 2), reply.coordinator), reply.context);
      return reply.acks.reduce(mixText, written);
    }
    case "error":
      return mix(mixText(hash, reply.error.code), reply.error.definite ? 3 : 4);
  }
}

function clientRequestHash(hash: number, request: ClientRequest): number {
  const asked = mixText(hash, request.key);
  switch (request.method) {
    case "get":
      return mix(asked, 1);
    case "put":
      return mixText(contextHash(mix(asked, 2), request.context), request.value);
    case "delete":
      return contextHash(mix(asked, 3), request.context);
  }
}

function peerRequestHash(hash: number, request: PeerRequest): number {
  switch (request.method) {
    case "replica.get":
      return mixText(mix(hash, 1), request.key);
    case "replica.put":
      return siblingsHash(mixText(mix(hash, 2), request.key), request.siblings);
    case "forward":
      return clientRequestHash(mixText(mix(hash, 3), request.requestId), request.request);
    default:
      return mixText(hash, request.method);
  }
}

function peerReplyHash(hash: number, reply: PeerReply): number {
  switch (reply.status) {
    case "record":
      return siblingsHash(mix(hash, 1), reply.siblings);
    case "stored":
      return mix(hash, 2);
    case "forwarded":
      return clientReplyHash(mix(hash, 3), reply.reply);
    case "error":
      return mixText(mix(hash, 4), reply.error.code);
    default:
      return mixText(hash, reply.status);
  }
}

function siblingsHash(hash: number, siblings: Siblings): number {
  let mixed = hash;
  for (let i = 0; i < siblings.length; i++) {
    const { value, dot, clock, dots, stampUs } = siblings[i] as Version;
    mixed = mixNumber(mix(mixed, dot[1]), stampUs);
    if (value !== null) mixed = mixText(mixed, value);
    mixed = mix(mixed, clock.length + (dots === undefined ? 0 : dots.length << 16));
  }
  return mixed;
}

function contextHash(hash: number, context: CausalContext | null): number {
  if (context === null) return hash;
  const mixed = clockHash(hash, context.clock);
  return context.dots === undefined ? mixed : clockHash(mixed, context.dots);
}

function clockHash(hash: number, clock: Clock | readonly Dot[]): number {
  let mixed = mix(hash, clock.length);
  for (let i = 0; i < clock.length; i++) mixed = mix(mixed, (clock[i] as Dot)[1]);
  return mixed;
}

/** MurmurHash3's finalizer: every input bit affects every output bit. */
function finish(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x85ebca6b);
  mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2ae35);
  return mixed ^ mixed >>> 16;
}
