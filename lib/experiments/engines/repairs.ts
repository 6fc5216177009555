/** What mends replicas in the background, switched on by name, so that what each contributes is seen. */
import type { ClusterConfig } from "../../dynamo/types/config.ts";

export const REPAIRS = ["none", "read-repair", "hints", "anti-entropy", "all"] as const;
type Repair = typeof REPAIRS[number];

/** Far more often than anybody would: it is to be seen within the first tenths of a second of a put. */
const ANTI_ENTROPY_INTERVAL_MS = 20;

export function repairConfig(repair: Repair): Partial<ClusterConfig> {
  const has = (one: Repair) => repair === one || repair === "all";
  return {
    readRepair: has("read-repair"),
    // Hints need fallbacks to hold them.
    sloppy: has("hints"),
    hintedHandoff: has("hints"),
    antiEntropyIntervalMs: has("anti-entropy") ? ANTI_ENTROPY_INTERVAL_MS : 0,
  };
}
