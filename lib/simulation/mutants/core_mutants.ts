/**
 * Mutants of the core: a correct replica in which one rule is missing.
 *
 * They replace a method on the object that has it. The new method refers to its object only as
 * `this`, so a clone of the replica has the same bug but shares no state with the original.
 */
import { Membership } from "../../dynamo/membership/membership.ts";
import type { MemberEntry } from "../../dynamo/membership/membership_state.ts";
import { Registry } from "../../dynamo/membership/registry.ts";
import type { NodeContext } from "../../dynamo/node_context.ts";
import type { Parts } from "../../dynamo/parts.ts";
import { DiskStateKeeper } from "../../dynamo/recovery/disk_state.ts";
import { type BootCheck, Recovering } from "../../dynamo/recovery/recovering.ts";
import type { Recovery } from "../../dynamo/recovery/recovery.ts";
import type { Replica } from "../../dynamo/replica.ts";
import type { DiskState, RecoveryCause } from "../../dynamo/types/boot.ts";
import type { NodeId } from "../../dynamo/types/ids.ts";
import { type FaultHook, stateless } from "../world/fault_hook.ts";

interface ReplicaInternals {
  readonly node: NodeContext;
  readonly parts: Parts;
}

/** Changes each replica before its first step. */
export function alterReplica(alter: (internals: ReplicaInternals) => void): FaultHook {
  return stateless({
    replica: (replica: Replica) => alter(replica as unknown as ReplicaInternals),
  });
}

/** A node with a new disk treats a peer that does not answer as one without data. */
export const silenceCountsAsCaughtUp = () =>
  alterReplica(({ parts: { recovering } }) => {
    type Private = Pick<Recovering, "onFailed"> & { readonly recovery: Recovery };
    (recovering as unknown as Private).onFailed = function (this: Private, check: BootCheck) {
      this.recovery.isInformed = true;
      for (const [start] of this.recovery.entries()) this.recovery.onMerged(start, check.peer);
      Recovering.prototype.onFailed.call(this as unknown as Recovering, check);
    };
  });

/** A node trusts a disk that is older than what its peers remember of it. */
export const oldDiskTrusted = () =>
  alterReplica(({ parts: { recovering } }) => {
    type Private = { begin(cause: RecoveryCause): void; isRemembered: boolean };
    const proto = Recovering.prototype as unknown as Private;
    (recovering as unknown as Private).begin = function (this: Private, cause: RecoveryCause) {
      if (cause === "restored") this.isRemembered = true;
      else proto.begin.call(this, cause);
    };
  });

/** A delete without a context is committed without checking that the node may still do so. */
export const writtenAfterFence = () =>
  alterReplica(({ parts: { writes } }) => {
    (writes as unknown as { mayCommit(): boolean }).mayCommit = () => true;
  });

/** The membership counts as durable as soon as its save begins. */
export const toldBeforeDurable = () =>
  alterReplica(({ node: { registry } }) => {
    registry.save = function (this: Registry) {
      Registry.prototype.save.call(this);
      const { version, ring } = this.membership;
      this.durable = { ...this.durable, state: this.membership.state(), version, ring };
    };
  });

/** A node with a new disk starts its incarnations anew, whatever its peers remember. */
export const incarnationForgotten = () =>
  alterReplica(({ parts: { recovering } }) => {
    const { disk } = recovering as unknown as { disk: DiskStateKeeper };
    disk.save = function (this: DiskStateKeeper, change: Partial<DiskState>) {
      const { incarnation } = this.saved;
      DiskStateKeeper.prototype.save.call(this, { ...change, incarnation });
    };
  });

/** Members forget that a node was removed, and its data directory: it seems to have left. */
export const removedDataForgotten = () =>
  alterReplica(({ node: { membership } }) => {
    membership.entry = function (this: Membership, id: NodeId): MemberEntry | undefined {
      const entry = Membership.prototype.entry.call(this, id);
      if (entry?.memberStatus !== "removed") return entry;
      const { removedData: _removed, member: { dataId: _data, ...member }, ...rest } = entry;
      return { ...rest, member, memberStatus: "left" };
    };
  });
