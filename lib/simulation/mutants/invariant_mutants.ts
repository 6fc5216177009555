/**
 * Mutants that break invariants of requests, replies, records and counters. An assert in the core
 * (`lib/dynamo/util/assert.ts`) must stop the node at once.
 */
import { type Conversation, Conversations } from "../../dynamo/conversations.ts";
import { NodeContext } from "../../dynamo/node_context.ts";
import type { Outbox } from "../../dynamo/outbox.ts";
import { HintBook } from "../../dynamo/records/hints.ts";
import { LocalRecords } from "../../dynamo/records/local_records.ts";
import type { Change } from "../../dynamo/records/record_changes.ts";
import type { Applied, Work } from "../../dynamo/records/record_work.ts";
import { AntiEntropy } from "../../dynamo/repair/anti_entropy.ts";
import type { KeyRepair } from "../../dynamo/repair/exchange.ts";
import { Handoff, type HintDelivery } from "../../dynamo/repair/handoff.ts";
import { MerkleTree } from "../../dynamo/repair/merkle.ts";
import { KnownForwards } from "../../dynamo/requests/forward.ts";
import type { PutCoordinator } from "../../dynamo/requests/put_coordinator.ts";
import { Writes } from "../../dynamo/requests/writes.ts";
import type { Place } from "../../dynamo/ring/placement.ts";
import type { ClientReply } from "../../dynamo/types/client_messages.ts";
import type { NodeId } from "../../dynamo/types/ids.ts";
import type { PeerReply } from "../../dynamo/types/peer_messages.ts";
import type { Digest64 } from "../../dynamo/util/digest.ts";
import { alterReplica } from "./core_mutants.ts";

/** {@link Writes} with its private methods. */
interface PrivateWrites {
  readonly node: NodeContext;
  acknowledge(conversation: Conversation, put: PutCoordinator): void;
  conclude(put: PutCoordinator, outcome: "ok" | "quorum-not-met"): void;
  fail(conversation: Conversation, put: PutCoordinator): void;
  onProgress(conversation: Conversation, put: PutCoordinator): void;
  onReply(conversation: Conversation, put: PutCoordinator, from: NodeId, reply: PeerReply): void;
  onTimeout(conversation: Conversation, put: PutCoordinator): void;
  replace(conversation: Conversation, put: PutCoordinator, node: NodeId): void;
  send(conversation: Conversation, put: PutCoordinator, place: Place, mayBuffer: boolean): void;
}

const WRITES = Writes.prototype as unknown as PrivateWrites;

function alterWrites(alter: (writes: PrivateWrites) => void) {
  return alterReplica(({ parts }) => alter(parts.writes as unknown as PrivateWrites));
}

/** A client is answered after W acknowledgements, and again after all. */
export const answeredTwice = () =>
  alterWrites((writes) => {
    writes.conclude = function (this: PrivateWrites, put, outcome) {
      const conversation = this.node.conversations.get(put.id);
      if (put.enough && conversation !== undefined) this.acknowledge(conversation, put);
      WRITES.conclude.call(this, put, outcome);
    };
  });

/** At the timeout a write's conversation ends before its client is answered. */
export const repliedAfterEnd = () =>
  alterWrites((writes) => {
    writes.onTimeout = function (this: PrivateWrites, conversation, put) {
      this.conclude(put, put.enough ? "ok" : "quorum-not-met");
      if (put.repliedAt === null) this.fail(conversation, put);
    };
  });

/** A silent replica is asked again instead of a fallback, as if it were another replica. */
export const askedTwice = () =>
  alterWrites((writes) => {
    writes.replace = function (this: PrivateWrites, conversation, put, node) {
      this.send(conversation, put, { node, primary: true, standsInFor: null, slot: null }, false);
    };
  });

/** An acknowledgement is counted when it arrives and again when it is processed. */
export const ackCountedTwice = () =>
  alterWrites((writes) => {
    writes.onReply = function (this: PrivateWrites, conversation, put, from, reply) {
      if (reply.status === "stored") put.responses.answerers.push(from);
      WRITES.onReply.call(this, conversation, put, from, reply);
    };
  });

/** A write is acknowledged as soon as its coordinator has stored it. */
export const acknowledgedBelowW = () =>
  alterWrites((writes) => {
    writes.onProgress = function (this: PrivateWrites, conversation, put) {
      if (put.repliedAt === null && put.replyContext !== null) this.acknowledge(conversation, put);
      WRITES.onProgress.call(this, conversation, put);
    };
  });

/** A write whose last replica has failed ends before a fallback is asked. */
export const calledAfterEnd = () =>
  alterWrites((writes) => {
    writes.replace = function (this: PrivateWrites, conversation, put, node) {
      if (put.settled) this.conclude(put, put.enough ? "ok" : "quorum-not-met");
      WRITES.replace.call(this, conversation, put, node);
    };
  });

/** The calls of a conversation are kept when it ends. */
export const callsOutliveConversation = () =>
  alterReplica(({ node: { conversations } }) => {
    conversations.end = function (this: Conversations, id: number) {
      (this as unknown as { open: { take(id: number): void } }).open.take(id);
    };
  });

/** A failed request is subtracted twice from the number of requests in flight. */
export const inFlightCountedDown = () =>
  alterReplica(({ node }) => {
    node.finish = function (this: NodeContext, conversation: Conversation, reply: ClientReply) {
      if (reply.status === "error") this.requestsInFlight--;
      NodeContext.prototype.finish.call(this, conversation, reply);
    };
  });

/** The duplicate of a forwarded write in progress is treated as a new write. */
export const forwardCarriedOutTwice = () =>
  alterReplica(({ node: { forwards } }) => {
    forwards.admit = function (this: KnownForwards, requestId: string, request: number) {
      const decision = KnownForwards.prototype.admit.call(this, requestId, request);
      return decision.kind === "waiting" ? { kind: "new" } : decision;
    };
  });

/** A change that arrives during a store is applied at once, and acknowledged with that store. */
export const appliedWhileStoring = () =>
  alterReplica(({ node: { records } }) => {
    type Private = {
      readonly works: Map<string, Work>;
      apply(work: Work, change: Change, out: Outbox): Applied;
    };
    records.change = function (this: LocalRecords, key: string, change: Change, out: Outbox) {
      const inner = this as unknown as Private;
      const work = inner.works.get(key);
      if (work?.phase !== "storing") {
        return LocalRecords.prototype.change.call(this, key, change, out);
      }
      work.applied.push(inner.apply(work, change, out));
      return true;
    };
  });

/** Hints are accepted without a limit. */
export const hintsUnbounded = () =>
  alterReplica(({ node: { hints } }) => {
    hints.hasRoom = () => true;
  });

/** A hint that has reached the disk is subtracted twice from the hints being stored. */
export const hintsSettledTwice = () =>
  alterReplica(({ node: { hints } }) => {
    hints.settleChange = function (this: HintBook, change, certain) {
      HintBook.prototype.settleChange.call(this, change, certain);
      HintBook.prototype.settleChange.call(this, change, certain);
    };
  });

/** A delivered hint is subtracted from its target's count, but not from the total. */
export const hintSumForgotten = () =>
  alterReplica(({ node: { hints } }) => {
    type Private = { held: number; change(node: NodeId, by: number): void };
    const proto = HintBook.prototype as unknown as Private;
    (hints as unknown as Private).change = function (this: Private, node, by) {
      const { held } = this;
      proto.change.call(this, node, by);
      if (by < 0) this.held = held;
    };
  });

/** A delivery is ended by its answer, and then once more. */
export const deliveryEndedTwice = () =>
  alterReplica(({ parts: { handoff } }) => {
    handoff.onReply = function (this: Handoff, delivery: HintDelivery, reply: PeerReply) {
      Handoff.prototype.onReply.call(this, delivery, reply);
      this.onFailed(delivery);
    };
  });

/** Every repair of a key is ended twice. */
export const repairEndedTwice = () =>
  alterReplica(({ parts: { antiEntropy } }) => {
    antiEntropy.finishRepair = function (this: AntiEntropy, repair: KeyRepair, wentWell: boolean) {
      AntiEntropy.prototype.finishRepair.call(this, repair, wentWell);
      AntiEntropy.prototype.finishRepair.call(this, repair, wentWell);
    };
  });

/** A changed leaf does not change the root of its tree. */
export const rootNotRehashed = () =>
  alterReplica(({ node: { trees } }) => {
    type PrivateTree = { words: Int32Array | null; toggleLeaf(leaf: number, by: Digest64): void };
    const proto = MerkleTree.prototype as unknown as PrivateTree;
    const { trees: all } = trees as unknown as { trees: Map<number, MerkleTree> };
    for (const tree of all.values()) {
      (tree as unknown as PrivateTree).toggleLeaf = function (this: PrivateTree, leaf, by) {
        const root = [this.words?.[0] ?? 0, this.words?.[1] ?? 0];
        proto.toggleLeaf.call(this, leaf, by);
        this.words?.set(root);
      };
    }
  });

/** The heap's last deadline replaces the removed first one, and does not sink to its place. */
export const deadlinesUnsorted = () =>
  alterReplica(({ node: { deadlines } }) => {
    type PrivateQueue = {
      place(index: number, at: number, sequence: number, slot: number): void;
      sink(at: number, sequence: number, slot: number): void;
    };
    const { queue } = deadlines as unknown as { queue: PrivateQueue };
    queue.sink = function (this: PrivateQueue, at, sequence, slot) {
      this.place(0, at, sequence, slot);
    };
  });
