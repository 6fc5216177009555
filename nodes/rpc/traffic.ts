/**
 * The traffic of a node's calls to its peers, by method: JSON-RPC bytes without the overhead of HTTP/2.
 * Every message between nodes belongs to a call of one node, so the sum over all nodes is the total.
 */
import { Buffer } from "node:buffer";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";

/** A method. For reads and writes in the background the purpose is added. */
type TrafficName = PeerRequest["method"] | `${PeerRequest["method"]}/${string}`;

export interface MethodTraffic {
  calls: number;
  sentBytes: number;
  receivedBytes: number;
}

export class RpcTraffic {
  private readonly byName = new Map<TrafficName, MethodTraffic>();

  /** Counts a sent call. The caller adds the received bytes to the returned counters. */
  sent(request: PeerRequest, text: string): MethodTraffic {
    const name = nameOf(request);
    let traffic = this.byName.get(name);
    if (traffic === undefined) {
      traffic = { calls: 0, sentBytes: 0, receivedBytes: 0 };
      this.byName.set(name, traffic);
    }
    traffic.calls++;
    traffic.sentBytes += Buffer.byteLength(text);
    return traffic;
  }

  get methods(): Record<string, MethodTraffic> {
    return Object.fromEntries(this.byName);
  }
}

function nameOf(request: PeerRequest): TrafficName {
  if (!("purpose" in request) || request.purpose === undefined) return request.method;
  return request.purpose === "replicate" ? request.method : `${request.method}/${request.purpose}`;
}
