/**
 * The replicas that were asked for one request, and how far each has come. Both coordinators count
 * with it, and a client sees it as the waterfall of its request.
 */
import type { Place } from "../ring/placement.ts";
import type { ReplicaTrace } from "../types/client_messages.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import { assert } from "../util/assert.ts";
import { sameSiblings, type Siblings, type Version } from "../versions/versions.ts";

interface ReplicaResponse {
  readonly node: NodeId;
  readonly primary: boolean;
  /** The slot that it owns; null for a stand-in, whose copy is one of its own. */
  readonly slot: number | null;
  readonly sentAt: Micros;
  outcome: ReplicaTrace["outcome"];
  answeredAt: Micros | null;
  reason: string | null;
  /** It failed because its data may be incomplete, and has said what it waits for. */
  isRecovering: boolean;
  siblings: Siblings | null;
  /** Silent for too long: no longer waited for, though a late answer still counts. */
  passedOver: boolean;
}

export class ReplicaResponses {
  private readonly startedAt: Micros;
  private readonly list: ReplicaResponse[] = [];
  /** Nodes that answered, the first to answer first. */
  readonly answerers: NodeId[] = [];
  /**
   * Distinct copies among the answers: an owner and its successor have one slot, and count once
   * through any number of changes of owners.
   */
  answered = 0;
  /** Those of them from primaries. */
  answeredPrimaries = 0;
  private readonly slotsAnswered = new Set<number>();
  private failed = 0;
  /** Answers of stand-ins that hold nothing: they say little about the primaries. */
  emptyStandIns = 0;
  pending = 0;
  pendingPrimaries = 0;
  /** Pending primaries that were passed over. */
  passedOverPrimaries = 0;

  constructor(startedAt: Micros) {
    this.startedAt = startedAt;
  }

  /** Another node is asked. */
  add({ node, primary, slot }: Pick<Place, "node" | "primary" | "slot">, sentAt: Micros): void {
    for (const asked of this.list) {
      assert(asked.node !== node, "a replica is asked once for each request", node);
    }
    this.list.push({
      node,
      primary,
      slot,
      sentAt,
      outcome: "pending",
      answeredAt: null,
      reason: null,
      isRecovering: false,
      siblings: null,
      passedOver: false,
    });
    this.pending++;
    if (primary) this.pendingPrimaries++;
  }

  /** Records an answer; false when the node is not one that is waited for. */
  answer(node: NodeId, siblings: Siblings | null, now: Micros): boolean {
    const response = this.settle(node, "answered", now);
    if (response === undefined) return false;
    response.siblings = siblings;
    assert(!this.answerers.includes(node), "a replica's answer counts once", node);
    this.answerers.push(node);
    this.requireSum();
    const { slot } = response;
    if (slot !== null && this.slotsAnswered.has(slot)) return true;
    if (slot !== null) this.slotsAnswered.add(slot);
    this.answered++;
    if (response.primary) this.answeredPrimaries++;
    else if (siblings?.length === 0) this.emptyStandIns++;
    return true;
  }

  /** Stops waiting for nodes that were asked so long ago (µs) and are silent; returns those. */
  passOver(patienceUs: Micros, now: Micros): NodeId[] {
    const silent = this.list.filter((p) => isWaitedFor(p) && now - p.sentAt >= patienceUs);
    for (const response of silent) {
      response.passedOver = true;
      if (response.primary) this.passedOverPrimaries++;
    }
    return silent.map((p) => p.node);
  }

  /** When the next of those that are waited for will have been silent for so long; null for none. */
  nextPassOverAt(patienceUs: Micros): Micros | null {
    const sent = this.list.filter(isWaitedFor).map(({ sentAt }) => sentAt);
    return sent.length === 0 ? null : Math.min(...sent) + patienceUs;
  }

  /** Whether it may still answer. */
  isPending(node: NodeId): boolean {
    return this.list.some((p) => p.node === node && p.outcome === "pending");
  }

  fail(node: NodeId, reason: string, now: Micros, isRecovering = false): boolean {
    const response = this.settle(node, "failed", now);
    if (response === undefined) return false;
    this.failed++;
    this.requireSum();
    response.reason = reason;
    response.isRecovering = isRecovering;
    return true;
  }

  /** What recovering replicas said, for error messages. */
  recoveries(): string[] {
    return this.list.flatMap((p) => p.isRecovering && p.reason !== null ? [p.reason] : []);
  }

  /** Nodes that have neither answered nor failed. */
  silent(): NodeId[] {
    return this.list.filter((p) => p.outcome === "pending").map((p) => p.node);
  }

  /** Nodes that failed or are silent. */
  missing(): NodeId[] {
    return this.list.filter((p) => p.outcome !== "answered").map((p) => p.node);
  }

  /** Primaries whose answer differs from these siblings. */
  primariesWithout(siblings: Siblings): NodeId[] {
    const differing: NodeId[] = [];
    for (const { node, primary, siblings: held } of this.list) {
      if (primary && held !== null && !sameSiblings(held, siblings)) differing.push(node);
    }
    return differing;
  }

  traces(): ReplicaTrace[] {
    const { startedAt } = this;
    return this.list.map(({ node, primary, sentAt, outcome, answeredAt, siblings, reason }) => {
      const trace: Mutable<ReplicaTrace> = { node, primary, outcome, sentUs: sentAt - startedAt };
      if (answeredAt !== null) trace.answeredUs = answeredAt - startedAt;
      if (siblings !== null) trace.dots = siblings.map(dotOf);
      if (reason !== null) trace.reason = reason;
      return trace;
    });
  }

  private settle(
    node: NodeId,
    outcome: "answered" | "failed",
    now: Micros,
  ): ReplicaResponse | undefined {
    const response = this.pendingAt(node);
    if (response === undefined) return undefined;
    response.outcome = outcome;
    response.answeredAt = now;
    this.pending--;
    if (response.primary) {
      this.pendingPrimaries--;
      if (response.passedOver) this.passedOverPrimaries--;
    }
    return response;
  }

  /** Every node that was asked counts once: as waited for, as an answer, or as a failure. */
  private requireSum(): void {
    const { answerers: { length: answered }, failed, pending, list: { length: asked } } = this;
    assert(pending >= 0, "replicas waited for are never negative", pending);
    assert(
      answered + failed + pending === asked,
      "answered, failed and pending replicas are those asked",
      answered,
      failed,
      pending,
      asked,
    );
  }

  private pendingAt(node: NodeId): ReplicaResponse | undefined {
    for (const response of this.list) {
      if (response.node === node && response.outcome === "pending") return response;
    }
    return undefined;
  }
}

function isWaitedFor({ outcome, passedOver }: ReplicaResponse): boolean {
  return outcome === "pending" && !passedOver;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function dotOf({ dot }: Version): Version["dot"] {
  return dot;
}

/** Why a quorum was not met: `Only 1 of the 2 replies needed (R=2) arrived`. */
export function tooFew(
  got: number,
  needed: number,
  what: "acknowledgement" | "reply",
  option: string,
  whose?: string,
): string {
  const noun = needed === 1 ? what : what === "reply" ? "replies" : `${what}s`;
  const from = whose === undefined ? "" : ` ${whose}`;
  return `Only ${got} of the ${needed} ${noun}${from} needed (${option}) arrived`;
}
