/**
 * Runs a load in real time. `send` carries out the operations, on a real cluster or on a fake one.
 */
import type { FloatSource } from "../../random/seeded.ts";
import {
  type Arrivals,
  IN_FLIGHT_MAX,
  Load,
  type LoadOptions,
  type LoadRequest,
  poissonArrivals,
} from "./load.ts";
import type { Operation } from "./mixes.ts";
import type { LoadResult, Progress, RequestOutcome, Tally } from "./tally.ts";

export interface WallClockLoadOptions extends LoadOptions {
  readonly random: FloatSource;
  /** Carries one operation out. `value` is empty for a get. A rejection ends the load. */
  readonly send: (
    operation: Operation,
    key: string,
    value: Uint8Array<ArrayBuffer>,
  ) => Promise<RequestOutcome>;
  /** Called about ten times a second, and at the end. */
  readonly onProgress?: (progress: Progress) => void;
  /** The real clock unless given. */
  readonly clock?: Clock;
}

export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

interface LoadRun {
  /** One for each kind of operation, in the order of the mix. */
  readonly operations: readonly LoadResult[];
  readonly tallies: ReadonlyMap<Operation, Tally>;
  /** From the first measured operation to the end of the last. */
  readonly elapsedMs: number;
  /** True when it ended before `count` operations. */
  readonly isStopped: boolean;
}

const PROGRESS_MS = 100;

const realClock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms))),
};

/**
 * Runs a load to its end, or until the signal. Rejects with what `send` rejects with, and with
 * {@link RangeError} for options out of range.
 */
export async function runLoad(options: WallClockLoadOptions): Promise<LoadRun> {
  const run = new Run(options);
  const { arrivals } = options;
  if (arrivals.kind === "open") await run.arrive(arrivals);
  else {
    await Promise.all(Array.from({ length: arrivals.concurrency }, () => run.client(arrivals)));
  }
  return run.result();
}

class Run {
  private readonly clock: Clock;
  private readonly load: Load;
  private reportedMs: number;

  constructor(private readonly options: WallClockLoadOptions) {
    this.clock = options.clock ?? realClock;
    this.reportedMs = this.clock.now();
    this.load = new Load(options, this.reportedMs);
  }

  /** One client of a closed loop. */
  async client({ thinkMs }: Arrivals & { kind: "closed" }): Promise<void> {
    const { clock, load, options: { random } } = this;
    for (;;) {
      const request = load.next(random, clock.now());
      if (request === null) return;
      await this.perform(request);
      if (thinkMs !== undefined) await clock.sleep(thinkMs(random));
    }
  }

  /** Poisson arrivals, whatever the store does. */
  async arrive(
    { ratePerSecond, inFlightMax = IN_FLIGHT_MAX }: Arrivals & { kind: "open" },
  ): Promise<void> {
    const { clock, load, options: { random } } = this;
    const inFlight = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | null = null;
    const begunMs = clock.now();
    for (const offsetMs of poissonArrivals(ratePerSecond, random)) {
      const startMs = begunMs + offsetMs;
      for (let nowMs = clock.now(); nowMs < startMs && !load.isOver(nowMs); nowMs = clock.now()) {
        await clock.sleep(Math.min(startMs - nowMs, PROGRESS_MS));
      }
      while (inFlight.size >= inFlightMax) await Promise.race(inFlight);
      const request = load.next(random, clock.now(), startMs);
      if (request === null) break;
      const sent: Promise<void> = this.perform(request)
        .catch((error) => void (failure ??= { error }))
        .finally(() => inFlight.delete(sent));
      inFlight.add(sent);
    }
    await Promise.all(inFlight);
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  }

  private async perform(request: LoadRequest): Promise<void> {
    const { operation, key, value } = request;
    let outcome: RequestOutcome;
    try {
      outcome = await this.options.send(operation, key, value);
    } catch (error) {
      this.load.stop();
      throw error;
    }
    const nowMs = this.clock.now();
    this.load.note(request, outcome, nowMs);
    if (nowMs - this.reportedMs >= PROGRESS_MS) this.report(nowMs);
  }

  private report(nowMs: number): Progress {
    this.reportedMs = nowMs;
    const progress = this.load.progress(nowMs);
    this.options.onProgress?.(progress);
    return progress;
  }

  result(): LoadRun {
    const { attempted, count } = this.report(this.clock.now());
    const { tallies, elapsedMs } = this.load;
    const operations = [...tallies].map(([operation, tally]) => tally.result(operation, elapsedMs));
    return { operations, tallies, elapsedMs, isStopped: attempted < count };
  }
}
