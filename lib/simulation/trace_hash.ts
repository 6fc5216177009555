/**
 * One short text that tells whether two runs were the same run.
 *
 * Every event that a replica is told goes in, with its moment, its node and what tells its contents
 * apart; so does every act of the fault driver and every answer that a client gets. Contents are
 * hashed in brief, since the hash is taken of millions of events: of a version its dot's counter, its
 * time, the ends of its value and the counters of its clock; of a text its length and its last few
 * characters. What else could differ changes who is sent what, and when, soon after.
 *
 * An event is hashed to one word, in the manner of Firefox's FxHash; that word goes into two lanes of
 * 32 bits, each a multiply and rotate mix with constants of its own, which are joined to 64 bits at the
 * end. It spreads well, and is no defence against somebody who wants two runs to collide. Integers wrap
 * and shifts are of 32 bits, the same on every machine; JSON on the wire or not makes no difference,
 * since only contents count.
 */
import type { Clock, Dot } from "../dynamo/clock.ts";
import type {
  ClientReply,
  ClientRequest,
  Event,
  PeerReply,
  PeerRequest,
} from "../dynamo/events.ts";
import type { CausalContext, Siblings, Version } from "../dynamo/versions.ts";

const TWO_32 = 2 ** 32;
const TEXT_HASHED = 8;

export class TraceHash {
  private a = 0x9747b28c | 0;
  private b = 0x1b873593 | 0;
  /** The event under way. */
  private current = 0;
  /** Events so far. */
  private count = 0;

  clone(): TraceHash {
    const copy = new TraceHash();
    copy.a = this.a;
    copy.b = this.b;
    copy.current = this.current;
    copy.count = this.count;
    return copy;
  }

  /** 16 hex digits. */
  get hex(): string {
    const high = finish(this.a ^ this.count);
    const low = finish(this.b + high | 0);
    return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
  }

  /** Begins an event: the moment (virtual µs) and what it concerns. */
  begin(at: number, node: number, kind: number): void {
    this.current = node << 8 ^ kind;
    this.number(at);
  }

  /** Ends the event: it counts from here on. */
  end(): void {
    const { current } = this;
    const a = Math.imul(this.a ^ current, 0x85ebca6b);
    this.a = a << 13 | a >>> 19;
    const b = Math.imul(this.b + current | 0, 0xc2b2ae35);
    this.b = b ^ b >>> 15;
    this.count++;
  }

  word(word: number): void {
    const { current } = this;
    this.current = Math.imul((current << 5 | current >>> 27) ^ word, 0x9e3779b1);
  }

  /** An integer of up to 53 bits. */
  number(value: number): void {
    this.word(value | 0);
    if (value >= TWO_32 || value < 0) this.word(Math.floor(value / TWO_32) | 0);
  }

  /** The length and the last {@link TEXT_HASHED} code units. */
  text(text: string): void {
    const { length } = text;
    this.word(length);
    for (let i = length > TEXT_HASHED ? length - TEXT_HASHED : 0; i < length; i++) {
      this.word(text.charCodeAt(i));
    }
  }

  event(event: Event): void {
    if (event.kind === "start") return;
    this.word(event.id);
    switch (event.kind) {
      case "client":
        this.clientRequest(event.request);
        break;
      case "peer":
        this.text(event.from);
        this.peerRequest(event.request);
        break;
      case "admin":
        this.text(event.request.method);
        this.text(JSON.stringify(event.request));
        break;
      case "reply":
        this.peerReply(event.reply);
        break;
      case "call-failed":
        this.word(event.undelivered ? 1 : 2);
        break;
      case "loaded":
        if (event.record !== null) {
          this.text(event.record.key);
          this.text(event.record.actor ?? "");
          this.siblings(event.record.siblings);
        }
        break;
      case "storage-failed":
        this.word(event.unreadable === true ? 1 : 2);
        break;
      case "hints-scanned":
        for (const { key } of event.places) this.text(key);
        break;
      case "scanned":
        for (const { key, siblings } of event.records) {
          this.text(key);
          this.siblings(siblings);
        }
        break;
      case "stored":
      case "timer":
        break;
    }
  }

  clientReply(reply: ClientReply): void {
    this.text(reply.status);
    switch (reply.status) {
      case "read":
        this.text(reply.coordinator);
        this.context(reply.context);
        this.siblings(reply.siblings);
        break;
      case "written":
        this.text(reply.coordinator);
        this.context(reply.context);
        for (const node of reply.acks) this.text(node);
        break;
      case "error":
        this.text(reply.error.code);
        this.word(reply.error.definite ? 1 : 2);
        break;
    }
  }

  private clientRequest(request: ClientRequest): void {
    this.text(request.method);
    this.text(request.key);
    if (request.method === "get") return;
    this.context(request.context);
    if (request.method === "put") this.text(request.value);
  }

  private peerRequest(request: PeerRequest): void {
    this.text(request.method);
    switch (request.method) {
      case "replica.get":
        this.text(request.key);
        break;
      case "replica.put":
        this.text(request.key);
        this.siblings(request.siblings);
        break;
      case "forward":
        this.text(request.requestId);
        this.clientRequest(request.request);
        break;
    }
  }

  private peerReply(reply: PeerReply): void {
    this.text(reply.status);
    if (reply.status === "record") this.siblings(reply.siblings);
    else if (reply.status === "forwarded") this.clientReply(reply.reply);
    else if (reply.status === "error") this.text(reply.error.code);
  }

  private siblings(siblings: Siblings): void {
    for (let i = 0; i < siblings.length; i++) {
      const { value, dot, clock, dots, stampUs } = siblings[i] as Version;
      this.word(dot[1]);
      this.number(stampUs);
      if (value !== null) this.text(value);
      if (clock.length > 0) this.clock(clock);
      if (dots !== undefined) this.clock(dots);
    }
  }

  private context(context: CausalContext | null): void {
    if (context === null) return;
    this.clock(context.clock);
    if (context.dots !== undefined) this.clock(context.dots);
  }

  private clock(clock: Clock | readonly Dot[]): void {
    for (let i = 0; i < clock.length; i++) this.word((clock[i] as Dot)[1]);
    this.word(clock.length);
  }
}

/** MurmurHash3's finalizer: every bit in reaches every bit out. */
function finish(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x85ebca6b);
  mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2ae35);
  return mixed ^ mixed >>> 16;
}
