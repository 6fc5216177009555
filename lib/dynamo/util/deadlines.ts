/**
 * All waiting of a replica in one place: a queue of moments behind the single timer that a host keeps.
 * Nothing is ever cancelled: whoever is called too late finds that its conversation is over and does
 * nothing, and a sweep drops the dead now and then.
 */
import type { Micros } from "../types/ids.ts";
import { EventQueue } from "./event_queue.ts";

export class Deadlines<T> {
  private readonly queue = new EventQueue<T>();

  get size(): number {
    return this.queue.size;
  }

  /** The next moment at which something is due. */
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

  /** Drops what nobody needs any more. Costs a pass over everything. */
  keep(needed: (what: T) => boolean): void {
    this.queue.keep(needed);
  }
}
