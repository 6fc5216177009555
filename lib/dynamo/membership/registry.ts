/**
 * What this node does with news of the membership: merge it, notify the parts that depend on it,
 * make it durable, pass it on.
 *
 * One save is under way at a time, always of the newest view. What must not happen before a change
 * is durable waits here ({@link Afterwards}), as data, because the state can be cloned.
 */
import type { Outbox } from "../outbox.ts";
import type { PeerLives } from "../recovery/lives.ts";
import type { Ring } from "../ring/ring.ts";
import type { LocalMark } from "../ring/ring_state.ts";
import type { AdminReply } from "../types/admin.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply } from "../types/peer_messages.ts";
import { assert } from "../util/assert.ts";
import type { Membership } from "./membership.ts";
import type { MembershipState } from "./membership_state.ts";

/** A part that must hear when the ring changes. */
interface RingListener {
  onRing(before: Ring, after: Ring): void;
}

/** What is to happen once a change is durable. */
export type Afterwards =
  | { readonly kind: "respond"; readonly request: number; readonly reply: PeerReply | AdminReply }
  | { readonly kind: "spread"; readonly state: MembershipState; readonly to: readonly NodeId[] }
  /** A transfer's range is complete, and marked as filled. */
  | { readonly kind: "filled"; readonly transfer: number }
  /** A fence is durable. `request` is the receiver's, null where the range has no receiver. */
  | { readonly kind: "fenced"; readonly mark: LocalMark; readonly request: number | null }
  /** The peer had another view: it is sent what it does not know. */
  | { readonly kind: "reconcile"; readonly peer: NodeId; readonly theirs: MembershipState };

/** What it needs of the node that it is a part of. */
interface RegistryOwner {
  readonly self: NodeId;
  readonly config: { readonly timeoutMs: number };
  readonly lives: PeerLives;
  readonly out: Outbox;
}

/** The membership as it is on the disk: nothing newer may leave the node. */
interface DurableView {
  readonly state: MembershipState;
  readonly version: string;
  readonly ring: Ring;
  readonly revision: number;
}

/** What waits until the disk knows a revision of the membership. */
interface Waiting {
  readonly next: Afterwards;
  readonly revision: number;
}

/** Peers that are told of a commit directly; gossip reaches the others. */
const TOLD_MAX = 64;

export class Registry {
  private readonly listeners: RingListener[] = [];
  private saving: number | null = null;
  /** Saved with the save under way. */
  private current: Waiting[] = [];
  private next: Waiting[] = [];
  /** Goes up with every change of what this node knows. */
  private revision = 0;
  private isDirty = false;
  /** What the save under way makes durable. */
  private savingView: DurableView;
  durable: DurableView;

  constructor(private readonly node: RegistryOwner, readonly membership: Membership) {
    this.durable = this.savingView = this.view(membership.state());
  }

  private view(state: MembershipState): DurableView {
    const { version, ring } = this.membership;
    return { state, version, ring, revision: this.revision };
  }

  /** Whether the disk has everything that this node knows. */
  get isDurable(): boolean {
    return !this.isDirty && this.saving === null;
  }

  listen(listener: RingListener): void {
    this.listeners.push(listener);
  }

  /** A save failed and waits for its next try. */
  get isBehind(): boolean {
    return this.isDirty && this.saving === null;
  }

  /** Merges news and saves it; true when any was new. `afterwards` happens once it is durable. */
  learn(state: MembershipState, ...afterwards: readonly Afterwards[]): boolean {
    const { membership } = this;
    const before = membership.ring;
    const memberStatuses = new Map(
      state.members.map(({ member: { id } }) => [id, membership.memberStatus(id)]),
    );
    const isNews = membership.merge(state);
    if (isNews) this.revision++;
    this.wait(afterwards);
    if (isNews) {
      for (const [node, memberStatus] of memberStatuses) {
        const now = membership.memberStatus(node);
        if (now !== memberStatus && now !== null) {
          this.node.out.emit({ type: "member", member: node, memberStatus: now });
        }
      }
    }
    if (membership.ring !== before) {
      for (const listener of this.listeners) listener.onRing(before, membership.ring);
    }
    if (isNews || afterwards.length > 0) this.save();
    return isNews;
  }

  /** Marks one of this node's ranges. `afterwards` happens once the mark is durable. */
  mark(mark: LocalMark, ...afterwards: readonly Afterwards[]): void {
    this.membership.mark(mark);
    this.revision++;
    this.wait(afterwards);
    this.save();
  }

  private wait(afterwards: readonly Afterwards[]): void {
    const { revision } = this;
    this.next.push(...afterwards.map((next) => ({ next, revision })));
  }

  /** Saves the newest view, now or when the save under way has ended. */
  save(): void {
    this.isDirty = true;
    if (this.saving !== null) return;
    this.isDirty = false;
    this.current = this.next;
    this.next = [];
    const known = this.membership.document();
    this.savingView = this.view(known.state);
    const peers = this.node.lives.listToSave(this.membership.peers);
    this.saving = this.node.out.save(peers.length === 0 ? known : { ...known, peers });
  }

  /**
   * Adds what is to happen once everything that is known now is durable. Call it only while some of
   * it is not.
   */
  afterwards(next: Afterwards): void {
    const waiting = this.isDirty ? this.next : this.current;
    const { revision } = this;
    // The last view of each peer is enough: while the disk fails, the list must not grow.
    const at = next.kind !== "reconcile"
      ? -1
      : waiting.findIndex(({ next: each }) => each.kind === "reconcile" && each.peer === next.peer);
    if (at >= 0) waiting[at] = { next, revision };
    else waiting.push({ next, revision });
  }

  /** What may happen now; null when the save was not one of these. */
  onSaved(id: number): readonly Afterwards[] | null {
    if (id !== this.saving) return null;
    this.saving = null;
    this.durable = this.savingView;
    const done = this.current;
    this.current = [];
    for (const { next: { kind }, revision } of done) {
      const durable = this.durable.revision;
      assert(
        revision <= durable,
        "what waits for the disk happens after it",
        kind,
        revision,
        durable,
      );
    }
    if (this.isDirty) this.save();
    return done.map(({ next }) => next);
  }

  /** The save failed: `save` tries again. False when the save was not one of these. */
  onSaveFailed(id: number): boolean {
    if (id !== this.saving) return false;
    this.saving = null;
    this.next = [...this.current, ...this.next];
    this.current = [];
    this.isDirty = true;
    return true;
  }

  /**
   * Sends the state to these nodes, at most the first {@link TOLD_MAX}, without waiting for
   * answers.
   */
  spread(state: MembershipState, to: readonly NodeId[]): void {
    const { node } = this;
    for (const peer of new Set(to.slice(0, TOLD_MAX))) {
      if (peer === node.self) continue;
      node.out.call(peer, { method: "membership", state }, node.config.timeoutMs);
    }
  }
}
