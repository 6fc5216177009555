/**
 * Latencies of the requests that this node coordinated, for `/metrics`: counts in fixed buckets as
 * Prometheus expects them. Counted without its library, so that each request costs a few additions.
 */
import type { Observation } from "../../lib/dynamo/types/observations.ts";

/** The upper bounds of the buckets, in seconds. */
export const BUCKETS_S: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

export interface RequestSeries {
  readonly method: string;
  readonly outcome: string;
  /** One count for each bucket, and one for slower requests. */
  readonly counts: number[];
  sumS: number;
}

export class RequestMeter {
  private readonly byName = new Map<string, RequestSeries>();
  /** The number of observations of each type. */
  readonly observed = new Map<Observation["type"], number>();

  observe(observation: Observation): void {
    const { type } = observation;
    this.observed.set(type, (this.observed.get(type) ?? 0) + 1);
    if (observation.type !== "request") return;
    const { method, outcome, tookUs } = observation;
    const series = this.seriesOf(method, outcome);
    const tookS = tookUs / 1_000_000;
    let bucket = 0;
    while (bucket < BUCKETS_S.length && tookS > (BUCKETS_S[bucket] as number)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sumS += tookS;
  }

  get series(): Iterable<RequestSeries> {
    return this.byName.values();
  }

  private seriesOf(method: string, outcome: string): RequestSeries {
    const name = `${method} ${outcome}`;
    let series = this.byName.get(name);
    if (series === undefined) {
      series = { method, outcome, counts: new Array(BUCKETS_S.length + 1).fill(0), sumS: 0 };
      this.byName.set(name, series);
    }
    return series;
  }
}
