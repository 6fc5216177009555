/** Calls to peers, as a host sees them: `client.ts` makes them, `nodes/faults` may stand in between. */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";

/** How a call ended. */
export type CallAnswer =
  | { readonly kind: "reply"; readonly reply: PeerReply }
  | {
    readonly kind: "failed";
    readonly reason: string;
    /** True if the peer certainly did not process the call. */
    readonly undelivered: boolean;
  };

/** Sends calls to peers. `answer` is called at most once, and never before `call` returns. */
export interface PeerCaller {
  call(
    to: NodeId,
    request: PeerRequest,
    timeoutMs: number,
    answer: (answer: CallAnswer) => void,
  ): void;
}
