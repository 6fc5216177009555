/**
 * Mutants of the rules that asserts stand behind (`lib/dynamo/util/assert.ts`): requests, replies, records
 * and what is counted. Each breaks an invariant inside the core, which must stop the node at once.
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

/** Put requests, with the methods that nobody else should call. */
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

/** A client is answered when W have stored its write, and again when all have. */
export const answeredTwice = () =>
  alterWrites((writes) => {
    writes.conclude = function (this: PrivateWrites, put, outcome) {
      const conversation = this.node.conversations.get(put.id);
      if (put.enough && conversation !== undefined) this.acknowledge(conversation, put);
      WRITES.conclude.call(this, put, outcome);
    };
  });

/** At the timeout a write is given up first, and its client told then. */
export const repliedAfterEnd = () =>
  alterWrites((writes) => {
    writes.onTimeout = function (this: PrivateWrites, conversation, put) {
      this.conclude(put, put.enough ? "ok" : "quorum-not-met");
      if (put.repliedAt === null) this.fail(conversation, put);
    };
  });

/** Where nobody can stand in for a silent replica, it is asked again, as if it were another. */
export const askedTwice = () =>
  alterWrites((writes) => {
    writes.replace = function (this: PrivateWrites, conversation, put, node) {
      this.send(conversation, put, { node, primary: true, standsInFor: null }, false);
    };
  });

/** An acknowledgement is noted when it comes, and counted once more when it is dealt with. */
export const ackCountedTwice = () =>
  alterWrites((writes) => {
    writes.onReply = function (this: PrivateWrites, conversation, put, from, reply) {
      if (reply.status === "stored") put.responses.answerers.push(from);
      WRITES.onReply.call(this, conversation, put, from, reply);
    };
  });

/** A write is acknowledged as soon as its coordinator has it. */
export const acknowledgedBelowW = () =>
  alterWrites((writes) => {
    writes.onProgress = function (this: PrivateWrites, conversation, put) {
      if (put.repliedAt === null && put.replyContext !== null) this.acknowledge(conversation, put);
      WRITES.onProgress.call(this, conversation, put);
    };
  });

/** A write that nobody is waited for any more ends before the one who failed is replaced. */
export const calledAfterEnd = () =>
  alterWrites((writes) => {
    writes.replace = function (this: PrivateWrites, conversation, put, node) {
      if (put.settled) this.conclude(put, put.enough ? "ok" : "quorum-not-met");
      WRITES.replace.call(this, conversation, put, node);
    };
  });

/** What is owed to a conversation is not forgotten with it. */
export const callsOutliveConversation = () =>
  alterReplica(({ node: { conversations } }) => {
    conversations.end = function (this: Conversations, id: number) {
      (this as unknown as { open: { take(id: number): void } }).open.take(id);
    };
  });

/** A request that has failed is taken out of the count where it fails and where it is answered. */
export const inFlightCountedDown = () =>
  alterReplica(({ node }) => {
    node.finish = function (this: NodeContext, conversation: Conversation, reply: ClientReply) {
      if (reply.status === "error") this.requestsInFlight--;
      NodeContext.prototype.finish.call(this, conversation, reply);
    };
  });

/** The copy of a forwarded write that is under way is taken for a new one. */
export const forwardCarriedOutTwice = () =>
  alterReplica(({ node: { forwards } }) => {
    forwards.admit = function (this: KnownForwards, requestId: string, request: number) {
      const decision = KnownForwards.prototype.admit.call(this, requestId, request);
      return decision.kind === "waiting" ? { kind: "new" } : decision;
    };
  });

/** What comes in while a record is being stored is applied to it at once, and counts with that store. */
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

/** Hints are taken on whatever is held already. */
export const hintsUnbounded = () =>
  alterReplica(({ node: { hints } }) => {
    hints.hasRoom = () => true;
  });

/** A hint that has reached the disk is taken out of those under way twice. */
export const hintsSettledTwice = () =>
  alterReplica(({ node: { hints } }) => {
    hints.settleChange = function (this: HintBook, change, certain) {
      HintBook.prototype.settleChange.call(this, change, certain);
      HintBook.prototype.settleChange.call(this, change, certain);
    };
  });

/** A delivered hint is taken out of its target's count, and not out of the sum. */
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

/** A delivery that was answered is ended by its answer and by its end. */
export const deliveryEndedTwice = () =>
  alterReplica(({ parts: { handoff } }) => {
    handoff.onReply = function (this: Handoff, delivery: HintDelivery, reply: PeerReply) {
      Handoff.prototype.onReply.call(this, delivery, reply);
      this.onFailed(delivery);
    };
  });

/** A repair that went wrong is ended by whoever notices, and by the exchange. */
export const repairEndedTwice = () =>
  alterReplica(({ parts: { antiEntropy } }) => {
    antiEntropy.finishRepair = function (this: AntiEntropy, repair: KeyRepair, wentWell: boolean) {
      AntiEntropy.prototype.finishRepair.call(this, repair, wentWell);
      AntiEntropy.prototype.finishRepair.call(this, repair, wentWell);
    };
  });

/** A changed leaf does not show in the root of its tree. */
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

/** The last deadline takes the place of the one that was due, wherever it belongs. */
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
