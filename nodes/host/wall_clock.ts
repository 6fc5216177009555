/**
 * The time of a process: integer microseconds since 1970 that never decrease. The process reads the
 * wall clock once, at its start, and adds a monotonic clock. So a change of the wall clock moves no
 * deadline and makes no stamp smaller than an earlier one.
 */
import type { Micros } from "../../lib/dynamo/types/ids.ts";

const START_US = Math.round(performance.timeOrigin * 1_000);

export function nowMicros(): Micros {
  return START_US + Math.round(performance.now() * 1_000);
}
