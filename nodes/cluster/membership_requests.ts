/**
 * What a launcher orders of its nodes over their REST, as a person who looks after the cluster would:
 * `/membership/…` at a node that is a member, with the cluster's secret. Refusals come back as
 * {@link LaunchError} with the node's own words.
 */
import {
  type ActName,
  MembershipClient,
  type PlanAnswer,
  type PlanFields,
} from "../../lib/client/membership_client.ts";
import { NodeError } from "../../lib/client/node_requests.ts";
import type { TransfersState } from "../../lib/dynamo/types/admin.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { readSecret } from "../process/secret.ts";
import { LaunchError } from "./launch_error.ts";

/** A node that orders are sent to. */
export interface Addressee {
  readonly id: NodeId;
  readonly url: string;
}

/** A node does not accept an order; `code` is that of its problem. */
export class OrderRefused extends LaunchError {
  constructor(message: string, readonly code: string) {
    super("refused", message);
  }
}

/** All throw {@link OrderRefused} for what the node does not accept, {@link LaunchError} for silence. */
export class MembershipRequests {
  constructor(private readonly secretFile: string) {}

  plan(to: Addressee, act: ActName, fields: PlanFields): Promise<PlanAnswer> {
    return this.told(to, (client) => client.plan(to.url, act, fields));
  }

  commit(to: Addressee, act: ActName, planId: string): Promise<void> {
    return this.told(to, (client) => client.commit(to.url, act, planId));
  }

  planAndCommit(to: Addressee, act: ActName, fields: PlanFields): Promise<void> {
    return this.told(to, (client) => client.planAndCommit(to.url, act, fields));
  }

  /** `signal` gives the question up. */
  transfers(of: Addressee, signal?: AbortSignal): Promise<TransfersState> {
    return this.told(of, (client) => client.transfers(of.url, signal));
  }

  /** Whether the node believes that `other` is up; true when it does not know it. */
  believesUp(node: Addressee, other: NodeId): Promise<boolean> {
    return this.told(node, (client) => client.believesUp(node.url, other));
  }

  private async told<T>(
    { id }: Addressee,
    ask: (client: MembershipClient) => Promise<T>,
  ): Promise<T> {
    try {
      return await ask(new MembershipClient(await readSecret(this.secretFile)));
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      const { status, message, code } = error;
      if (status === null) {
        throw new LaunchError("failed", `Node ${id} does not answer: ${message}`);
      }
      const told = `Node ${id}: ${message}`;
      // What a node could not do, or did not say in JSON, it may have done in part.
      if (status < 400 || status >= 500) throw new LaunchError("failed", told);
      throw new OrderRefused(told, code);
    }
  }
}
