/** The parts of a replica, each with one concern of the paper, over one shared context. */
import { Gossiping } from "./gossip/gossiping.ts";
import { MembershipActs } from "./membership/membership_acts.ts";
import { OrphanedReplicas } from "./membership/orphaned_replicas.ts";
import { RangeReceiver } from "./membership/range_receiver.ts";
import { RangeSender } from "./membership/range_sender.ts";
import type { NodeContext } from "./node_context.ts";
import { Recovering } from "./recovery/recovering.ts";
import { AntiEntropy } from "./repair/anti_entropy.ts";
import { Handoff } from "./repair/handoff.ts";
import { Reaping } from "./repair/reaping.ts";
import { Coordination } from "./requests/coordination.ts";
import { Forwards } from "./requests/forwards.ts";
import type { Reads } from "./requests/reads.ts";
import type { Writes } from "./requests/writes.ts";

export class Parts {
  readonly coordination: Coordination;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly forwards: Forwards;
  readonly gossiping: Gossiping;
  readonly handoff: Handoff;
  readonly antiEntropy: AntiEntropy;
  readonly reaping: Reaping;
  readonly rangeSender: RangeSender;
  readonly rangeReceiver: RangeReceiver;
  readonly orphanedReplicas: OrphanedReplicas;
  readonly acts: MembershipActs;
  readonly recovering: Recovering;

  constructor(node: NodeContext) {
    this.coordination = new Coordination(node);
    this.reads = this.coordination.reads;
    this.writes = this.coordination.writes;
    this.forwards = new Forwards(node, this.coordination);
    this.gossiping = new Gossiping(node);
    this.handoff = new Handoff(node);
    this.reaping = new Reaping(node);
    this.antiEntropy = new AntiEntropy(node);
    this.rangeSender = new RangeSender(node);
    this.rangeReceiver = new RangeReceiver(node, this.rangeSender);
    this.orphanedReplicas = new OrphanedReplicas(node);
    const { gossiping, rangeReceiver, rangeSender, orphanedReplicas } = this;
    this.acts = new MembershipActs(node, gossiping, rangeReceiver, rangeSender, orphanedReplicas);
    this.recovering = new Recovering(node, gossiping, rangeReceiver);
    this.writes.forwards = this.forwards;
    const { handoff, acts, recovering } = this;
    for (const each of [node, node.trees, gossiping, handoff, orphanedReplicas, acts, recovering]) {
      node.registry.listen(each);
    }
  }
}
