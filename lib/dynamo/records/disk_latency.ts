/**
 * Is the disk busy with clients? Background work waits while the 99th percentile of the last
 * minute's disk accesses is above a threshold (SOSP 2007, section 6.5). That percentile is above it
 * exactly when more than 1% of the accesses were slower, so two counts a second are enough. A disk
 * without recent accesses is not busy, however slow it was.
 */
import type { Micros } from "../types/ids.ts";
import { IdTable } from "../util/id_table.ts";

const SECONDS = 60;
const MICROS_PER_SECOND = 1_000_000;
const SLOW_SHARE = 0.01;
/** The disk counts as unused after this many seconds. */
const IDLE_SECONDS = 2;
/** One access in this many is timed. */
const SAMPLE_EVERY = 8;

interface Second {
  at: number;
  accesses: number;
  slow: number;
}

export class DiskLatency {
  private readonly seconds: Second[] = Array.from(
    { length: SECONDS },
    () => ({ at: -1, accesses: 0, slow: 0 }),
  );
  private readonly timed = new IdTable<Micros>();

  constructor(private readonly slowUs: Micros) {}

  onStart(id: number, now: Micros): void {
    if (id % SAMPLE_EVERY === 0) this.timed.set(id, now);
  }

  onEnd(id: number, now: Micros): void {
    if (id % SAMPLE_EVERY !== 0) return;
    const startedAt = this.timed.take(id);
    if (startedAt === undefined) return;
    const at = Math.floor(now / MICROS_PER_SECOND);
    const second = this.seconds[at % SECONDS] as Second;
    if (second.at !== at) {
      second.at = at;
      second.accesses = 0;
      second.slow = 0;
    }
    second.accesses++;
    if (now - startedAt > this.slowUs) second.slow++;
  }

  isBusy(now: Micros): boolean {
    const current = Math.floor(now / MICROS_PER_SECOND);
    let isUsed = this.timed.size > 0;
    let accesses = 0;
    let slow = 0;
    for (const second of this.seconds) {
      if (second.at <= current - SECONDS) continue;
      if (second.at >= current - IDLE_SECONDS) isUsed = true;
      accesses += second.accesses;
      slow += second.slow;
    }
    return isUsed && slow > SLOW_SHARE * accesses;
  }
}
