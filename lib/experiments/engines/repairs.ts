/** Switches single kinds of background repair on, so that the effect of each can be studied. */
import type { ClusterConfig } from "../../dynamo/types/config.ts";

export const REPAIRS = ["none", "read-repair", "hints", "anti-entropy", "all"] as const;
type Repair = typeof REPAIRS[number];

/** Much shorter than usual, so that the effect shows within tenths of a second after a put. */
const ANTI_ENTROPY_INTERVAL_MS = 20;

export function repairConfig(repair: Repair): Partial<ClusterConfig> {
  const has = (one: Repair) => repair === one || repair === "all";
  return {
    readRepair: has("read-repair"),
    // Only fallbacks hold hints.
    sloppy: has("hints"),
    hintedHandoff: has("hints"),
    antiEntropyIntervalMs: has("anti-entropy") ? ANTI_ENTROPY_INTERVAL_MS : 0,
  };
}
