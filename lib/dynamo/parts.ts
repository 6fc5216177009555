/** The parts of a replica, each with one concern of the paper, over one shared context. */
import { AntiEntropy } from "./anti_entropy.ts";
import { Coordination } from "./coordination.ts";
import type { Founding } from "./events.ts";
import { Forwards } from "./forwards.ts";
import { Gossiping } from "./gossiping.ts";
import { Handoff } from "./handoff.ts";
import type { NodeContext } from "./node_context.ts";
import type { Reads } from "./reads.ts";
import { Reaping } from "./reaping.ts";
import type { Writes } from "./writes.ts";

export class Parts {
  readonly coordination: Coordination;
  readonly reads: Reads;
  readonly writes: Writes;
  readonly forwards: Forwards;
  readonly gossiping: Gossiping;
  readonly handoff: Handoff;
  readonly antiEntropy: AntiEntropy;
  readonly reaping: Reaping;

  constructor(node: NodeContext, founding: Founding) {
    this.coordination = new Coordination(node);
    this.reads = this.coordination.reads;
    this.writes = this.coordination.writes;
    this.forwards = new Forwards(node, this.coordination);
    this.gossiping = new Gossiping(node, founding.members);
    this.handoff = new Handoff(node);
    this.reaping = new Reaping(node);
    this.antiEntropy = new AntiEntropy(node, this.gossiping);
  }
}
