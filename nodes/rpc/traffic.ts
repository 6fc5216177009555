/**
 * What a node's calls to its peers weigh, by method: JSON-RPC bytes, without what HTTP/2 adds. Every
 * message between nodes belongs to somebody's call, so the sum over all nodes is all their traffic.
 */
import { Buffer } from "node:buffer";
import type { PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";

/** A method; reads and writes that no client waits for are told apart by their purpose. */
type TrafficName = PeerRequest["method"] | `${PeerRequest["method"]}/${string}`;

export interface MethodTraffic {
  calls: number;
  sentBytes: number;
  receivedBytes: number;
}

export class RpcTraffic {
  private readonly byName = new Map<TrafficName, MethodTraffic>();

  /** A call is sent; what comes back for it is to be counted with what this returns. */
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
