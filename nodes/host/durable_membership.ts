/**
 * The membership as the disk knows it. A node must tell nothing else of it: whoever acts on a member status
 * or a register that a crash takes back would act on what never was.
 */
import { Membership } from "../../lib/dynamo/membership/membership.ts";
import type { MembershipState } from "../../lib/dynamo/membership/membership_state.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";

/** The part of a replica that knows it. */
interface DurableSource {
  readonly self: NodeId;
  readonly durableMembership: MembershipState;
}

export class DurableMembership {
  private state: MembershipState | null = null;
  private view: Membership | null = null;

  constructor(
    private readonly initialConfig: InitialClusterConfig,
    private readonly source: DurableSource,
  ) {}

  /** Made anew only when another state has become durable. */
  get current(): Membership {
    const { initialConfig, source: { self, durableMembership: state } } = this;
    if (this.view === null || this.state !== state) {
      this.view = new Membership(initialConfig, self, { state, marks: [] });
      this.state = state;
    }
    return this.view;
  }
}
