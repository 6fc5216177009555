/** What a replica's deadlines are for: `Replica` hands each to the part that it concerns. */
import type { Micros } from "./types/ids.ts";

export type Due =
  | {
    readonly kind:
      | "gossip"
      | "handoff"
      | "anti-entropy"
      | "scrub"
      | "recovery"
      | "reap"
      | "membership";
  }
  /** A call's timeout. */
  | { readonly kind: "call-silent"; readonly conversation: number; readonly call: number }
  /** Silent replicas are passed over; `timeout`: the conversation ends. */
  | {
    readonly kind: "patience" | "timeout";
    readonly conversation: number;
    readonly endsAt: Micros;
  }
  | { readonly kind: "forget"; readonly requestId: string };
