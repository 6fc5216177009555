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
  | { readonly kind: "patience"; readonly conversation: number; readonly endsAt: Micros }
  | { readonly kind: "timeout"; readonly conversation: number }
  | { readonly kind: "forget"; readonly requestId: string };
