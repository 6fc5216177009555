/**
 * Mutants of the rules that asserts stand behind, continued: who owns a range, how it moves, and what the
 * disk must know first.
 */
import type { Conversation } from "../../dynamo/conversations.ts";
import { Membership } from "../../dynamo/membership/membership.ts";
import { RangeReceiver } from "../../dynamo/membership/range_receiver.ts";
import type { KeyPull, RangeTransfer } from "../../dynamo/membership/range_transfer.ts";
import { type Afterwards, Registry } from "../../dynamo/membership/registry.ts";
import type { NodeContext } from "../../dynamo/node_context.ts";
import { DiskStateKeeper } from "../../dynamo/recovery/disk_state.ts";
import { Ownership } from "../../dynamo/ring/ownership.ts";
import type { Position } from "../../dynamo/ring/position.ts";
import type { OwnerStep, Ring } from "../../dynamo/ring/ring.ts";
import type { LocalMark, RangeRegister, Segment } from "../../dynamo/ring/ring_state.ts";
import type { DiskState } from "../../dynamo/types/boot.ts";
import type { NodeId } from "../../dynamo/types/ids.ts";
import { alterReplica } from "./core_mutants.ts";

interface PrivateOwnership {
  segments: Segment[];
  eachIn(
    range: { readonly start: Position; readonly end: Position },
    change: (segment: Segment) => Segment,
  ): void;
  indexAt(position: Position): number;
}

/** The registers are made with the first change of the membership: what is wrong with them comes then. */
function alterOwnership(alter: (ownership: Ownership) => void) {
  return alterReplica(({ node: { membership } }) => {
    type Private = { begin(): { readonly ownership: Ownership } };
    const proto = Membership.prototype as unknown as Private;
    (membership as unknown as Private).begin = function (this: Private) {
      const changed = proto.begin.call(this);
      alter(changed.ownership);
      return changed;
    };
  });
}

/** Whatever a peer says of an owner is believed, however old it is. */
export const olderRegisterWins = () =>
  alterOwnership((ownership) => {
    ownership.merge = function (this: Ownership, register: RangeRegister) {
      this.split(register.start);
      this.split(register.end);
      const { owners, epoch } = register;
      (this as unknown as PrivateOwnership)
        .eachIn(register, ({ start }) => ({ start, owners, epoch }));
      return true;
    };
  });

/** News of a range, known or not, takes its fence away. */
export const fenceLifted = () =>
  alterOwnership((ownership) => {
    ownership.merge = function (this: Ownership, register: RangeRegister) {
      const isNews = Ownership.prototype.merge.call(this, register);
      (this as unknown as PrivateOwnership)
        .eachIn(register, ({ fenced: _fenced, ...segment }) => segment);
      return isNews;
    };
  });

/** A new boundary is added behind the last one, wherever it lies. */
export const boundariesUnsorted = () =>
  alterOwnership((ownership) => {
    ownership.split = function (this: Ownership, at: Position) {
      const { segments, indexAt } = this as unknown as PrivateOwnership;
      const segment = segments[indexAt.call(this as never, at)] as Segment;
      if (segment.start !== at) segments.push({ ...segment, start: at });
    };
  });

/** The walk along the ring that finds a range's owners takes a node for two. */
export const nodeWalkedTwice = () =>
  alterReplica(({ node: { membership } }) => {
    type Private = { ring: Ring; refresh(changed: unknown): void };
    type PrivateRing = { walk(range: number, count: number): NodeId[] };
    const proto = Membership.prototype as unknown as Private;
    (membership as unknown as Private).refresh = function (this: Private, changed: unknown) {
      proto.refresh.call(this, changed);
      const ring = this.ring as unknown as PrivateRing;
      const walk = ring.walk.bind(ring);
      ring.walk = (range, count) => [...walk(range, count).slice(0, -1), ...walk(range, 1)];
    };
  });

interface PrivateSender {
  readonly node: NodeContext;
  register(range: number, owners: readonly NodeId[]): RangeRegister;
  turned(step: OwnerStep): RangeRegister;
}

function alterTurn(ownersAfter: (step: OwnerStep, ring: Ring) => readonly NodeId[]) {
  return alterReplica(({ parts: { rangeSender } }) => {
    (rangeSender as unknown as PrivateSender).turned = function (this: PrivateSender, step) {
      return this.register(step.range, ownersAfter(step, this.node.ring));
    };
  });
}

/** Who gives a range up is taken out of its register, and who has taken it over is left out. */
export const ownerLost = () =>
  alterTurn(({ range, sender }, ring) => ring.primaries(range).filter((id) => id !== sender));

/** Who has taken a range over is entered in the place of its sender, and once more behind the others. */
export const ownerDoubled = () =>
  alterTurn((step, ring) => {
    const owners = ring.after(step);
    return step.receiver === null ? owners : [...owners, step.receiver];
  });

interface PrivateReceiver {
  onPassOver(conversation: Conversation, transfer: RangeTransfer): void;
}

/** A range that has been copied is taken over at once, while its sender goes on acknowledging writes. */
export const fenceSkipped = () =>
  alterReplica(({ parts: { rangeReceiver } }) => {
    const proto = RangeReceiver.prototype as unknown as PrivateReceiver;
    const receiver = rangeReceiver as unknown as PrivateReceiver & { readonly node: NodeContext };
    receiver.onPassOver = function (this: typeof receiver, conversation, transfer) {
      if (transfer.mergedFrom !== null || transfer.phase !== "copying") {
        proto.onPassOver.call(this, conversation, transfer);
        return;
      }
      const { start, end, epoch, id } = transfer;
      transfer.enter("saving");
      this.node.registry.mark({ start, end, epoch, mark: "filled" }, {
        kind: "filled",
        transfer: id,
      });
    };
  });

/** A key that has come over is taken out of those under way by its answer and by its store. */
export const pullEndedTwice = () =>
  alterReplica(({ parts: { rangeReceiver } }) => {
    rangeReceiver.finishPull = function (this: RangeReceiver, pull: KeyPull, wentWell: boolean) {
      RangeReceiver.prototype.finishPull.call(this, pull, wentWell);
      RangeReceiver.prototype.finishPull.call(this, pull, wentWell);
    };
  });

/** What waits for a mark goes with the save under way, which left before the mark was made. */
export const savedWithEarlierSave = () =>
  alterReplica(({ node: { registry } }) => {
    type Waiting = { readonly next: Afterwards; readonly revision: number };
    type Private = {
      readonly saving: number | null;
      readonly current: Waiting[];
      readonly next: Waiting[];
      readonly revision: number;
    };
    registry.mark = function (this: Registry, mark: LocalMark, ...afterwards: Afterwards[]) {
      const inner = this as unknown as Private;
      const waiting = inner.saving === null ? inner.next : inner.current;
      Registry.prototype.mark.call(this, mark);
      waiting.push(...afterwards.map((next) => ({ next, revision: inner.revision })));
    };
  });

/** An owner that has fenced a range goes on serving it. */
export const servedBehindFence = () =>
  alterReplica(({ node }) => {
    node.isPrimaryOf = function (this: NodeContext, key: string) {
      return this.recovery.knowsItsRanges && this.ring.primariesOfKey(key).includes(this.self);
    };
  });

/** A node that writes down what its disk is worth counts its starts one back. */
export const incarnationTakenBack = () =>
  alterReplica(({ parts: { recovering } }) => {
    const { disk } = recovering as unknown as { disk: DiskStateKeeper };
    disk.save = function (this: DiskStateKeeper, change: Partial<DiskState>) {
      const incarnation = this.saved.incarnation - 1;
      DiskStateKeeper.prototype.save.call(this, { ...change, incarnation });
    };
  });
