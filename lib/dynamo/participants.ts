/**
 * Who takes part in one request, and how far each has come. Both coordinators count on it, and it
 * is what a client sees as the waterfall of its request.
 */
import type { Micros, ReplicaTrace } from "./events.ts";
import type { NodeId } from "./ring.ts";
import type { Siblings } from "./versions.ts";

interface Participant {
  readonly node: NodeId;
  readonly primary: boolean;
  readonly sentAt: Micros;
  outcome: ReplicaTrace["outcome"];
  answeredAt: Micros | null;
  reason: string | null;
  siblings: Siblings | null;
  /** Silent for too long: no longer waited for, though a late answer still counts. */
  passedOver: boolean;
}

export class Participants {
  private readonly startedAt: Micros;
  private readonly list: Participant[] = [];
  answered = 0;
  answeredPrimaries = 0;
  /** Answers of stand-ins that hold nothing: they say little about what the primaries hold. */
  emptyStandIns = 0;
  pending = 0;
  pendingPrimaries = 0;
  /** Pending primaries that were passed over. */
  passedOverPrimaries = 0;

  constructor(startedAt: Micros) {
    this.startedAt = startedAt;
  }

  add(node: NodeId, primary: boolean, sentAt: Micros): void {
    this.list.push({
      node,
      primary,
      sentAt,
      outcome: "pending",
      answeredAt: null,
      reason: null,
      siblings: null,
      passedOver: false,
    });
    this.pending++;
    if (primary) this.pendingPrimaries++;
  }

  /** Records an answer; false when the node is not one that is waited for. */
  answer(node: NodeId, siblings: Siblings | null, now: Micros): boolean {
    const participant = this.settle(node, "answered", now);
    if (participant === undefined) return false;
    participant.siblings = siblings;
    this.answered++;
    if (participant.primary) this.answeredPrimaries++;
    else if (siblings?.length === 0) this.emptyStandIns++;
    return true;
  }

  /** Stops waiting for whoever is silent; returns those for whom that is new. */
  passOver(): NodeId[] {
    const silent = this.list.filter((p) => p.outcome === "pending" && !p.passedOver);
    for (const participant of silent) {
      participant.passedOver = true;
      if (participant.primary) this.passedOverPrimaries++;
    }
    return silent.map((p) => p.node);
  }

  fail(node: NodeId, reason: string, now: Micros): boolean {
    const participant = this.settle(node, "failed", now);
    if (participant === undefined) return false;
    participant.reason = reason;
    return true;
  }

  /** Nodes that answered, the first to answer first. */
  answerers(): NodeId[] {
    return this.list.filter((p) => p.outcome === "answered")
      .toSorted((a, b) => (a.answeredAt ?? 0) - (b.answeredAt ?? 0))
      .map((p) => p.node);
  }

  /** Nodes that have neither answered nor failed. */
  silent(): NodeId[] {
    return this.list.filter((p) => p.outcome === "pending").map((p) => p.node);
  }

  /** Nodes that failed or are silent. */
  missing(): NodeId[] {
    return this.list.filter((p) => p.outcome !== "answered").map((p) => p.node);
  }

  /** Primaries that answered, with what they hold. */
  *heldByPrimaries(): Generator<readonly [NodeId, Siblings]> {
    for (const { node, primary, siblings } of this.list) {
      if (primary && siblings !== null) yield [node, siblings];
    }
  }

  traces(): ReplicaTrace[] {
    return this.list.map((p) => ({
      node: p.node,
      primary: p.primary,
      outcome: p.outcome,
      sentUs: p.sentAt - this.startedAt,
      ...(p.answeredAt === null ? {} : { answeredUs: p.answeredAt - this.startedAt }),
      ...(p.siblings === null ? {} : { dots: p.siblings.map((version) => version.dot) }),
      ...(p.reason === null ? {} : { reason: p.reason }),
    }));
  }

  private settle(
    node: NodeId,
    outcome: "answered" | "failed",
    now: Micros,
  ): Participant | undefined {
    const participant = this.list.find((p) => p.node === node && p.outcome === "pending");
    if (participant === undefined) return undefined;
    participant.outcome = outcome;
    participant.answeredAt = now;
    this.pending--;
    if (participant.primary) {
      this.pendingPrimaries--;
      if (participant.passedOver) this.passedOverPrimaries--;
    }
    return participant;
  }
}
