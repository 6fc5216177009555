/**
 * Requests that reach a node outside the key's primaries are forwarded, once, to a node that can
 * coordinate (SOSP 2007, section 4.5). Also here: how a coordinator recognises a copy of a forward.
 */
import type { ClientReply, ClientRequest } from "../types/client_messages.ts";
import type { CoordinatorChoice } from "../types/config.ts";
import type { DynamoError } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import { below, type Random, shuffled } from "../types/random.ts";
import { assert } from "../util/assert.ts";
import { IdTable } from "../util/id_table.ts";

export class Forward {
  readonly kind = "forward";
  replied = false;
  /** Calls that have neither answered nor failed. */
  pending = 0;
  /** Some call may have arrived without being answered: a write must not be tried elsewhere. */
  uncertain = false;
  readonly reasons: string[] = [];
  readonly tried: NodeId[] = [];
  private candidates: NodeId[];

  constructor(
    readonly id: number,
    readonly request: ClientRequest,
    /** Who may coordinate, the preferred first. */
    candidates: readonly NodeId[],
    readonly requestId: string,
    readonly timeoutMs: number,
    readonly startedAt: Micros,
  ) {
    this.candidates = [...candidates];
  }

  get key(): string {
    return this.request.key;
  }

  /** Adds nodes that could coordinate and are not candidates yet. */
  addCandidates(nodes: readonly NodeId[]): void {
    for (const node of nodes) {
      if (!this.tried.includes(node) && !this.candidates.includes(node)) this.candidates.push(node);
    }
  }

  /** The next node to try; undefined when all have been. */
  nextCandidate(): NodeId | undefined {
    const next = this.candidates.shift();
    if (next !== undefined) {
      this.tried.push(next);
      this.pending++;
    }
    return next;
  }

  get candidatesLeft(): number {
    return this.candidates.length;
  }

  /** Removes candidates that are not to be tried any more. */
  drop(isUnfit: (node: NodeId) => boolean): void {
    this.candidates = this.candidates.filter((node) => !isUnfit(node));
  }

  failure(): DynamoError {
    const isWrite = this.request.method !== "get";
    const definite = !isWrite || !(this.uncertain || this.pending > 0);
    const why = this.reasons.length === 0 ? "no answer in time" : this.reasons.join("; ");
    return {
      code: "quorum-not-met",
      message: this.tried.length === 0
        ? `No node that can coordinate '${this.key}' can be reached`
        : `No coordinator of '${this.key}' answered, of ${this.tried.join(", ")}: ${why}`,
      definite,
      needed: 1,
      got: 0,
      unreachable: this.tried,
    };
  }

  /**
   * The part of the client's timeout that is left for the coordinator, ms, less a tenth for its
   * answer's way back.
   */
  remainingMs(now: Micros): number {
    const leftMs = this.timeoutMs - (now - this.startedAt) / 1_000;
    return Math.max(1, Math.floor(leftMs * 0.9));
  }
}

/** What a node knows about its peers when it chooses among them. */
export interface PeerView {
  /** Calls under way to the peer. */
  load(node: NodeId): number;
  /** How long its last answer to a read took, µs; undefined before the first. */
  lastReadUs(node: NodeId): Micros | undefined;
}

/** Who should coordinate, the preferred first: the choices of sections 4.5, 5 and 6.4 of the paper. */
export function rankCoordinators(
  primaries: readonly NodeId[],
  choice: CoordinatorChoice,
  hinted: NodeId | undefined,
  peers: PeerView,
  random: Random,
): NodeId[] {
  switch (choice) {
    case "first":
      return [...primaries];
    case "random":
      return shuffled(random, primaries);
    case "fastest":
      return hinted !== undefined && primaries.includes(hinted)
        ? [hinted, ...primaries.filter((node) => node !== hinted)]
        : primaries.toSorted((a, b) => (peers.lastReadUs(a) ?? 0) - (peers.lastReadUs(b) ?? 0));
    case "least-loaded": {
      // The power of two choices: nearly the balance of asking all, without the herd.
      if (primaries.length === 0) return [];
      const one = primaries[below(random, primaries.length)] as NodeId;
      const two = primaries[below(random, primaries.length)] as NodeId;
      const best = peers.load(two) < peers.load(one) ? two : one;
      return [best, ...primaries.filter((node) => node !== best)];
    }
  }
}

/** Forwarded writes that a node remembers at once. */
const FORWARDS_MAX = 65_536;

/** A forward that this node has taken on. */
interface Known {
  readonly waiting: number[];
  reply: ClientReply | null;
}

/** What is remembered of one start of a forwarding node. */
interface Sender {
  readonly name: string;
  /** Its node and data directory: incarnations count within it. */
  readonly origin: string;
  readonly incarnation: number;
  /** By sequence number. */
  readonly known: IdTable<Known>;
  /** Up to this sequence number, a request that is not known was forgotten. */
  forgottenTo: number;
}

type ForwardDecision =
  /** Not seen before: coordinate it. */
  | { readonly kind: "new" }
  /** A copy of one under way: it will be answered with it. */
  | { readonly kind: "waiting" }
  /** A copy of one that is done. */
  | { readonly kind: "answered"; readonly reply: ClientReply }
  /** As many are remembered as may be. */
  | { readonly kind: "full" }
  /** Older than what this node still remembers: whether it is a copy cannot be told any more. */
  | { readonly kind: "too-old" };

/**
 * Remembers forwarded writes for as long as they may run. Afterwards it keeps only a number for
 * each sender, below which everything was forgotten: a copy that the network held back for hours
 * must not write again.
 */
export class KnownForwards {
  private readonly senders = new Map<string, Sender>();
  /** The latest incarnation of which something was forgotten, by origin: what is older is too old. */
  private readonly floors = new Map<string, number>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  admit(requestId: string, peerRequest: number): ForwardDecision {
    const sequence = sequenceOf(requestId);
    const sender = sequence === 0 ? undefined : this.senderOf(requestId);
    if (sender === undefined) return { kind: "too-old" };
    const known = sender.known.get(sequence);
    if (known !== undefined) {
      if (known.reply !== null) return { kind: "answered", reply: known.reply };
      known.waiting.push(peerRequest);
      return { kind: "waiting" };
    }
    if (sequence <= sender.forgottenTo || this.isOutdated(sender)) return { kind: "too-old" };
    if (this.count >= FORWARDS_MAX) {
      // The refusal is definite: no copy of it may be carried out when there is room again.
      if (sender.known.size === 0) this.senders.set(sender.name, sender);
      sender.forgottenTo = Math.max(sender.forgottenTo, sequence);
      return { kind: "full" };
    }
    if (sender.known.size === 0) this.senders.set(sender.name, sender);
    sender.known.set(sequence, { waiting: [peerRequest], reply: null });
    this.count++;
    assert(this.count <= FORWARDS_MAX, "forwards remembered stay within their bound", this.count);
    return { kind: "new" };
  }

  /** Keeps the reply for copies to come; returns who waits for it. */
  answer(requestId: string, reply: ClientReply): readonly number[] {
    const known = this.senders.get(senderIn(requestId))?.known.get(sequenceOf(requestId));
    if (known === undefined) return [];
    assert(known.reply === null, "a forwarded write is carried out once", requestId);
    known.reply = reply;
    return known.waiting.splice(0);
  }

  forget(requestId: string): void {
    const sequence = sequenceOf(requestId);
    const sender = this.senders.get(senderIn(requestId));
    if (sender?.known.take(sequence) === undefined) return;
    this.count--;
    assert(this.count >= 0, "forwards remembered are never negative", this.count);
    sender.forgottenTo = Math.max(sender.forgottenTo, sequence);
    const { origin, incarnation } = sender;
    if (incarnation > (this.floors.get(origin) ?? -1)) {
      this.floors.set(origin, incarnation);
      this.dropOutdated();
    } else if (this.isOutdated(sender)) this.dropOutdated();
  }

  /** Drops senders that have restarted since, once none of their requests is known. */
  private dropOutdated(): void {
    for (const [name, sender] of this.senders) {
      if (this.isOutdated(sender) && sender.known.size === 0) this.senders.delete(name);
    }
  }

  private isOutdated({ origin, incarnation }: Sender): boolean {
    return incarnation < (this.floors.get(origin) ?? 0);
  }

  /** The sender of a request, known or new; undefined for a malformed id. */
  private senderOf(requestId: string): Sender | undefined {
    const name = senderIn(requestId);
    const present = this.senders.get(name);
    if (present !== undefined) return present;
    const match = /^([^/]{1,128})\/(\d{1,15})$/.exec(name);
    if (match === null) return undefined;
    const [origin, incarnation] = [match[1] as string, Number(match[2])];
    return { name, origin, incarnation, known: new IdTable(), forgottenTo: 0 };
  }
}

/** `origin/incarnation/sequence`, the sequence being above 0. */
export function formatRequestId(origin: string, incarnation: number, sequence: number): string {
  return `${origin}/${incarnation}/${sequence}`;
}

function senderIn(requestId: string): string {
  return requestId.slice(0, requestId.lastIndexOf("/"));
}

/** The sequence number in a request id; 0 where there is none. */
function sequenceOf(requestId: string): number {
  const sequence = Number(requestId.slice(requestId.lastIndexOf("/") + 1));
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : 0;
}
