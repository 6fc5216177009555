/**
 * Delays messages or disk accesses by the time that an injected fault asks for.
 *
 * `setTimeout` is too coarse for this. It counts whole milliseconds and fires 1.1 to 1.3 ms late
 * (measured on Deno 2.9.6: 0.3 becomes 2.1, 10.9 becomes 11.3), as long as one leg on a fast disk.
 * Instead, a worker sleeps on a futex and wakes this thread when something is due. That is only 0.2 ms
 * late and costs no spinning. The first delay starts the worker, so a node without injected latency
 * has none.
 */
import TinyQueue from "tinyqueue";

/** Most messages held at once. Further messages are not delayed, which keeps memory bounded. */
const HELD_MAX = 200_000;
/** An action due within this time runs now, because another wake-up would take longer, µs. */
const NEAR_US = 60;
/** A round trip to the worker and back, µs, measured. */
const WAKE_US = 150;
/** The worker's longest sleep, µs. It fits in an Int32, and a needless wake-up does no harm. */
const SLEEP_US_MAX = 1_000_000_000;
/** Sent instead of a sleep: the worker must end. */
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
  private lastOrder = 0;
  private lastInOrderUs = -Infinity;
  private worker: Worker | null = null;
  /** [a counter that changes with every new sleep, the sleep in µs]. */
  private readonly cells = new Int32Array(new SharedArrayBuffer(8));
  private armedForUs = Infinity;

  /** `nowUs` reads the clock, µs. */
  constructor(private readonly nowUs: () => number = elapsedUs) {}

  /** Starts the worker early. Otherwise the first delay is late by the time that starting it takes. */
  start(): void {
    this.worker ??= this.startWorker();
  }

  /** Calls `act` after the delay, or at once if the delay is 0. */
  after(delayMs: number, act: () => void): void {
    if (!(delayMs > 0) || this.held.length >= HELD_MAX) {
      act();
      return;
    }
    this.hold(this.nowUs() + delayMs * 1_000, act);
  }

  /**
   * Like {@link after}, but keeps the order of calls even when delays become shorter. The number held
   * is not limited, because letting one pass would break the order.
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
    this.held.push({ atUs, order: ++this.lastOrder, act });
    this.arm();
  }

  /** Messages or accesses that are being delayed. */
  get length(): number {
    return this.held.length;
  }

  /** Ends the worker and drops everything held, without running it. */
  close(): void {
    // `terminate` does not wake a thread that sleeps on a futex, so the worker has to end itself.
    if (this.worker !== null) this.setSleep(END);
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
    this.setSleep(Math.min(sleepUs, SLEEP_US_MAX));
  }

  private setSleep(sleepUs: number): void {
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
    // A data URL needs no permission to read a file.
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

/** Runs in the worker, so it cannot use anything else from this file. */
function sleeper(): void {
  const scope = globalThis as unknown as {
    onmessage: (message: { data: Int32Array }) => void;
    postMessage(change: number): void;
    close(): void;
  };
  scope.onmessage = ({ data: cells }) => {
    let change = 0;
    // Waits for a new sleep and then sleeps that long, or until the sleep changes again.
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
