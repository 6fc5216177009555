/**
 * Which messages the legs of the WARS model are (PBS, VLDB 2012, section 4.1): W and A are a write's
 * request to a replica and its acknowledgement, R and S a read's request and response. All other calls
 * between nodes are neither.
 */
import type { PeerRequest } from "../dynamo/types/peer_messages.ts";
import type { MessageLeg } from "./latency.ts";

type CallLegs = readonly [request: MessageLeg, reply: MessageLeg];

const WRITE: CallLegs = ["W", "A"];
const READ: CallLegs = ["R", "S"];
const OTHER: CallLegs = ["other", "other"];

/** The legs of a call's request and reply. */
export function legsOfCall(method: PeerRequest["method"]): CallLegs {
  if (method === "replica.put") return WRITE;
  return method === "replica.get" ? READ : OTHER;
}
