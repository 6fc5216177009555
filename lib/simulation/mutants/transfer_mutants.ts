/**
 * Mutants that break invariants of range ownership, range transfers and saved state. An assert in
 * the core must stop the node at once.
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

/** Changes each new {@link Ownership}. Every change of the membership creates one. */
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

/** A node accepts any register from a peer, even an older one. */
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

/** Any register received for a range lifts its fence. */
export const fenceLifted = () =>
  alterOwnership((ownership) => {
    ownership.merge = function (this: Ownership, register: RangeRegister) {
      const isNews = Ownership.prototype.merge.call(this, register);
      (this as unknown as PrivateOwnership)
        .eachIn(register, ({ fenced: _fenced, ...segment }) => segment);
      return isNews;
    };
  });

/** A new boundary is added at the end of the list instead of in order. */
export const boundariesUnsorted = () =>
  alterOwnership((ownership) => {
    ownership.split = function (this: Ownership, at: Position) {
      const { segments, indexAt } = this as unknown as PrivateOwnership;
      const segment = segments[indexAt.call(this as never, at)] as Segment;
      if (segment.start !== at) segments.push({ ...segment, start: at });
    };
  });

/** The walk along the ring that finds a range's owners returns one node twice. */
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
  checked(range: number, register: RangeRegister): RangeRegister;
  turned(step: OwnerStep): RangeRegister;
}

function alterTurn(
  alter: (register: RangeRegister, step: OwnerStep, ring: Ring) => RangeRegister,
) {
  return alterReplica(({ parts: { rangeSender } }) => {
    (rangeSender as unknown as PrivateSender).turned = function (this: PrivateSender, step) {
      const { ring } = this.node;
      return this.checked(step.range, alter(ring.registerAfter(step), step, ring));
    };
  });
}

/** The new register lacks both the sender and the receiver of the range. */
export const ownerLost = () =>
  alterTurn((register, { range, sender }, ring) => {
    const owners = ring.primaries(range).filter((id) => id !== sender);
    return { ...register, owners };
  });

/** The new register lists the receiver twice: in place of the sender, and at the end. */
export const ownerDoubled = () =>
  alterTurn((register, { receiver }) =>
    receiver === null ? register : { ...register, owners: [...register.owners, receiver] }
  );

/** All owners in the new register have one slot. */
export const slotsMixedUp = () =>
  alterTurn((register) => ({ ...register, slots: register.owners.map(() => 0) }));

interface PrivateReceiver {
  onPassOver(conversation: Conversation, transfer: RangeTransfer): void;
}

/** A copied range is taken over at once, while its sender continues to acknowledge writes. */
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

/** A received key is subtracted twice from the keys in transfer. */
export const pullEndedTwice = () =>
  alterReplica(({ parts: { rangeReceiver } }) => {
    rangeReceiver.finishPull = function (this: RangeReceiver, pull: KeyPull, wentWell: boolean) {
      RangeReceiver.prototype.finishPull.call(this, pull, wentWell);
      RangeReceiver.prototype.finishPull.call(this, pull, wentWell);
    };
  });

/** Actions that wait for a mark run after the save in progress, which does not include it. */
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

/** An owner that has fenced a range continues to serve it. */
export const servedBehindFence = () =>
  alterReplica(({ node }) => {
    node.isPrimaryOf = function (this: NodeContext, key: string) {
      return this.recovery.knowsItsRanges && this.ring.primariesOfKey(key).includes(this.self);
    };
  });

/** A node decreases its incarnation by one whenever it saves the state of its disk. */
export const incarnationTakenBack = () =>
  alterReplica(({ parts: { recovering } }) => {
    const { disk } = recovering as unknown as { disk: DiskStateKeeper };
    disk.save = function (this: DiskStateKeeper, change: Partial<DiskState>) {
      const incarnation = this.saved.incarnation - 1;
      DiskStateKeeper.prototype.save.call(this, { ...change, incarnation });
    };
  });
