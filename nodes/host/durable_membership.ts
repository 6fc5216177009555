/**
 * The membership as it is stored on the disk. A node must tell others only this one. A newer state in
 * memory can be lost in a crash, and others would have acted on a member status or a range register
 * that never became durable.
 */
import { Membership } from "../../lib/dynamo/membership/membership.ts";
import type { MembershipState } from "../../lib/dynamo/membership/membership_state.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";

/** The part of a replica that is needed. */
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

  /** Cached until another state becomes durable. */
  get current(): Membership {
    const { initialConfig, source: { self, durableMembership: state } } = this;
    if (this.view === null || this.state !== state) {
      this.view = new Membership(initialConfig, self, { state, marks: [] });
      this.state = state;
    }
    return this.view;
  }
}
