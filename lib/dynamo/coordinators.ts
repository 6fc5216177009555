/** All kinds of coordinators: each makes calls to peers and decides what their answers mean. */
import type { Conversation } from "./conversations.ts";
import type { GossipRound } from "./gossip/gossiping.ts";
import type { OrphanCall } from "./membership/orphaned_replicas.ts";
import type { AdvanceCall } from "./membership/range_sender.ts";
import type { KeyPull, RangeTransfer } from "./membership/range_transfer.ts";
import type { BootCheck } from "./recovery/recovering.ts";
import type { Exchange, KeyRepair } from "./repair/exchange.ts";
import type { HintDelivery } from "./repair/handoff.ts";
import type { ReapRound } from "./repair/reaping.ts";
import type { Forward } from "./requests/forward.ts";
import type { GetCoordinator } from "./requests/get_coordinator.ts";
import type { PutCoordinator } from "./requests/put_coordinator.ts";

export type AnyCoordinator =
  | GetCoordinator
  | PutCoordinator
  | Forward
  | HintDelivery
  | GossipRound
  | Exchange
  | KeyRepair
  | ReapRound
  | RangeTransfer
  | KeyPull
  | AdvanceCall
  | OrphanCall
  | BootCheck;

/**
 * The coordinator with its full type, to be told apart by `kind`. `Conversations` does not know
 * these types.
 */
export function coordinatorOf({ coordinator }: Conversation): AnyCoordinator {
  return coordinator as AnyCoordinator;
}
