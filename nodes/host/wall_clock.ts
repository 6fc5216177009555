/**
 * The time of a process: integer microseconds since 1970 that never run backwards. The start is the
 * wall clock's, the rest is counted, so that setting the clock under a running node moves no deadline
 * and makes no stamp smaller than one given before.
 */
import type { Micros } from "../../lib/dynamo/types/ids.ts";

const START_US = Math.round(performance.timeOrigin * 1_000);

export function nowMicros(): Micros {
  return START_US + Math.round(performance.now() * 1_000);
}
