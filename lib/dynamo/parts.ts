/** The parts of a replica, each with one concern of the paper, over one shared context. */
import { Gossiping } from "./gossip/gossiping.ts";
import { MembershipActs } from "./membership/membership_acts.ts";
import { Leftovers } from "./membership/orphaned_replicas.ts";
import { Takeovers } from "./membership/range_receiver.ts";
import { Handover } from "./membership/range_sender.ts";
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
  readonly handover: Handover;
  readonly takeovers: Takeovers;
  readonly leftovers: Leftovers;
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
    this.handover = new Handover(node);
    this.takeovers = new Takeovers(node, this.handover);
    this.leftovers = new Leftovers(node);
    const { gossiping, takeovers, handover, leftovers } = this;
    this.acts = new MembershipActs(node, gossiping, takeovers, handover, leftovers);
    this.recovering = new Recovering(node, gossiping, takeovers);
    this.writes.forwards = this.forwards;
    const { handoff, acts, recovering } = this;
    for (const each of [node, node.trees, gossiping, handoff, leftovers, acts, recovering]) {
      node.registry.listen(each);
    }
  }
}
