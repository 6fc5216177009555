/**
 * Holds messages, or accesses of a disk, back for the time that an injected fault says.
 *
 * `setTimeout` is of little use for that: it counts whole milliseconds and comes 1.1 to 1.3 ms late
 * (measured on Deno 2.9.6: 0.3 becomes 2.1, 10.9 becomes 11.3), as much as a whole leg of a fast disk.
 * So a worker sleeps on a futex instead, which is 0.2 ms late and costs no spinning, and wakes us for
 * whatever is due. It is started with the first delay: a node without injected latency has none.
 */
import TinyQueue from "tinyqueue";

/** Messages held at once; past it they pass without delay, rather than grow without bound. */
const HELD_MAX = 200_000;
/** Due this soon is due: waking once more would take longer, µs. */
const NEAR_US = 60;
/** From a word to the worker until its word back, µs, measured. */
const WAKE_US = 150;
/** The worker's longest sleep, µs: an Int32 holds it, and waking for nothing does no harm. */
const SLEEP_US_MAX = 1_000_000_000;
/** In place of a sleep: the worker is to end. */
const END = -1;

interface Held {
  readonly atUs: number;
  readonly order: number;
  readonly act: () => void;
}

export class DelayLine {
  private readonly held = new TinyQueue<Held>(
    [],
    (a, b) => a.atUs - b.atUs || a.order - b.order,
  );
  private taken = 0;
  private lastInOrderUs = -Infinity;
  private worker: Worker | null = null;
  /** [changes whenever the sleep does, the sleep in µs]. */
  private readonly cells = new Int32Array(new SharedArrayBuffer(8));
  private armedForUs = Infinity;

  /** `nowUs` is the clock, µs. */
  constructor(private readonly nowUs: () => number = elapsedUs) {}

  /** Starts the worker ahead of the first delay, which would otherwise be late by as much as that takes. */
  start(): void {
    this.worker ??= this.startWorker();
  }

  /** Calls `act` after that long; at once when it is 0. */
  after(delayMs: number, act: () => void): void {
    if (!(delayMs > 0) || this.held.length >= HELD_MAX) {
      act();
      return;
    }
    this.hold(this.nowUs() + delayMs * 1_000, act);
  }

  /**
   * The same, but never before what this was given earlier, also when delays become shorter. There is
   * no bound: what must keep its order cannot be let past.
   */
  afterInOrder(delayMs: number, act: () => void): void {
    if (!(delayMs > 0) && this.held.length === 0) {
      act();
      return;
    }
    this.lastInOrderUs = Math.max(this.lastInOrderUs, this.nowUs() + delayMs * 1_000);
    this.hold(this.lastInOrderUs, act);
  }

  private hold(atUs: number, act: () => void): void {
    this.held.push({ atUs, order: ++this.taken, act });
    this.arm();
  }

  /** Messages on their way. */
  get length(): number {
    return this.held.length;
  }

  /** Forgets what it holds. */
  close(): void {
    // Told to end rather than terminated: a thread asleep on a futex does not hear of that.
    if (this.worker !== null) this.tell(END);
    this.worker = null;
    this.held.data = [];
    this.held.length = 0;
  }

  private arm(): void {
    const next = this.held.peek();
    if (next === undefined || next.atUs >= this.armedForUs) return;
    this.armedForUs = next.atUs;
    this.start();
    const sleepUs = Math.max(0, Math.round(next.atUs - this.nowUs() - WAKE_US));
    this.tell(Math.min(sleepUs, SLEEP_US_MAX));
  }

  private tell(sleepUs: number): void {
    Atomics.store(this.cells, 1, sleepUs);
    Atomics.add(this.cells, 0, 1);
    Atomics.notify(this.cells, 0);
  }

  private deliverDue(): void {
    this.armedForUs = Infinity;
    for (;;) {
      const next = this.held.peek();
      if (next === undefined || next.atUs > this.nowUs() + NEAR_US) break;
      this.held.pop();
      next.act();
    }
    this.arm();
  }

  private startWorker(): Worker {
    // From a data URL, so that it needs no permission to read a file.
    const source = `(${sleeper.toString()})()`;
    const url = `data:text/javascript,${encodeURIComponent(source)}`;
    const worker = new Worker(url, { type: "module", name: "delay line" });
    worker.onmessage = () => this.deliverDue();
    worker.postMessage(this.cells);
    return worker;
  }
}

function elapsedUs(): number {
  return performance.now() * 1_000;
}

/** Runs in the worker; it can use nothing from this file. */
function sleeper(): void {
  const scope = globalThis as unknown as {
    onmessage: (message: { data: Int32Array }) => void;
    postMessage(word: number): void;
    close(): void;
  };
  scope.onmessage = ({ data: cells }) => {
    let change = 0;
    // Sleeps until something changes, then for as long as it says, unless it changes meanwhile.
    for (;;) {
      Atomics.wait(cells, 0, change);
      do {
        change = Atomics.load(cells, 0);
        if ((cells[1] as number) < 0) return scope.close();
      } while (Atomics.wait(cells, 0, change, (cells[1] as number) / 1_000) !== "timed-out");
      scope.postMessage(change);
    }
  };
}
