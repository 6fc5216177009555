/**
 * A launcher's requests to its nodes over their REST API: `/membership/…` at a member, with the
 * cluster's secret, just as an operator would make them. A node's refusal becomes a {@link LaunchError}
 * with the node's message.
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

/** A node that requests are sent to. */
export interface NodeAddress {
  readonly id: NodeId;
  readonly url: string;
}

/** A node refused a request; `code` is that of its problem document. */
export class RequestRefused extends LaunchError {
  constructor(message: string, readonly code: string) {
    super("refused", message);
  }
}

/** All methods throw {@link RequestRefused} for a refusal, and {@link LaunchError} for no answer. */
export class MembershipRequests {
  constructor(private readonly secretFile: string) {}

  plan(to: NodeAddress, act: ActName, fields: PlanFields): Promise<PlanAnswer> {
    return this.send(to, (client) => client.plan(to.url, act, fields));
  }

  commit(to: NodeAddress, act: ActName, planId: string): Promise<void> {
    return this.send(to, (client) => client.commit(to.url, act, planId));
  }

  planAndCommit(to: NodeAddress, act: ActName, fields: PlanFields): Promise<void> {
    return this.send(to, (client) => client.planAndCommit(to.url, act, fields));
  }

  /** `signal` cancels the request. */
  transfers(of: NodeAddress, signal?: AbortSignal): Promise<TransfersState> {
    return this.send(of, (client) => client.transfers(of.url, signal));
  }

  /** Whether the node believes that `other` is up; true when it does not know it. */
  believesUp(node: NodeAddress, other: NodeId): Promise<boolean> {
    return this.send(node, (client) => client.believesUp(node.url, other));
  }

  private async send<T>(
    { id }: NodeAddress,
    request: (client: MembershipClient) => Promise<T>,
  ): Promise<T> {
    try {
      return await request(new MembershipClient(await readSecret(this.secretFile)));
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      const { status, message, code } = error;
      if (status === null) {
        throw new LaunchError("failed", `Node ${id} does not answer: ${message}`);
      }
      const explained = `Node ${id}: ${message}`;
      // After a 5xx, or an answer that is not JSON, the node may have carried out a part.
      if (status < 400 || status >= 500) throw new LaunchError("failed", explained);
      throw new RequestRefused(explained, code);
    }
  }
}
