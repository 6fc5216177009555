/**
 * All deadlines of a replica in one queue, behind the single timer that a host keeps. Nothing is
 * ever cancelled: a deadline whose conversation is over does nothing, and a sweep drops such
 * deadlines now and then.
 */
import type { Micros } from "../types/ids.ts";
import { EventQueue } from "./event_queue.ts";

export class Deadlines<T> {
  private readonly queue = new EventQueue<T>();

  get size(): number {
    return this.queue.size;
  }

  /** When the next deadline is due, µs; undefined when there is none. */
  get next(): Micros | undefined {
    return this.queue.nextAt;
  }

  add(at: Micros, what: T): void {
    this.queue.push(at, what);
  }

  /** Removes and returns the first deadline at or before `now`. */
  takeDue(now: Micros): T | undefined {
    const { nextAt } = this.queue;
    return nextAt === undefined || nextAt > now ? undefined : this.queue.pop();
  }

  /** Drops deadlines that are no longer needed. Costs a pass over all of them. */
  keep(needed: (what: T) => boolean): void {
    this.queue.keep(needed);
  }
}
