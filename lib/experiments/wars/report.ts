/**
 * The figures of a WARS run for one quorum, as `deno task pbs --json` prints them and the PBS page
 * shows them.
 */
import { SeededRandom } from "../../random/seeded.ts";
import { firstCrossingMs } from "./first_crossing.ts";
import { kFreshness, monotonicReads } from "./quorum_formulas.ts";
import type { Quorum, WarsTally } from "./wars.ts";

/** Times are in ms. "P999" means the 99.9th percentile. */
export interface WarsReport extends Quorum {
  readonly n: number;
  /** Trials run: fewer than requested if the run was stopped. */
  readonly trials: number;
  readonly readMean: number;
  readonly readP50: number;
  readonly readP99: number;
  readonly readP999: number;
  readonly writeMean: number;
  readonly writeP50: number;
  readonly writeP99: number;
  readonly writeP999: number;
  /** The time after the answer to a write when 99.9% of reads see it: the true quantile. */
  readonly tVisibility999: number;
  /** The same as PBS estimates it, to compare with published figures: see `first_crossing.ts`. */
  readonly tVisibility999FirstCrossing: number;
  readonly pConsistent: readonly { readonly t: number; readonly p: number }[];
  /** The probability of reading one of the last k versions, in closed form, k = 1, 2, 3, 5, 10. */
  readonly kFreshness: readonly { readonly k: number; readonly p: number }[];
  /** The probability of monotonic reads, with one write for each of the client's reads. */
  readonly monotonicReads: number;
}

const P999 = 0.999;
const VERSIONS: readonly number[] = [1, 2, 3, 5, 10];

/**
 * `times`: where to report P(consistent), ms; by default chosen so that they show the whole rise.
 */
export function warsReport(
  tally: WarsTally,
  quorum: Quorum,
  seed: number | string,
  times?: readonly number[],
): WarsReport {
  const { r, w } = quorum;
  const reads = (p: number) => tally.readMs(r, p);
  const writes = (p: number) => tally.writeMs(w, p);
  const sketch = tally.sketchOf(quorum);
  const consistent = sketch?.distribution() ?? (() => 1);
  const tVisibility999 = tally.tVisibilityMs(quorum, P999);
  const random = SeededRandom.from(seed).child("first-crossing");
  return {
    n: tally.n,
    r,
    w,
    trials: tally.trials,
    readMean: tally.readMean(r),
    readP50: reads(0.5),
    readP99: reads(0.99),
    readP999: reads(P999),
    writeMean: tally.writeMean(w),
    writeP50: writes(0.5),
    writeP99: writes(0.99),
    writeP999: writes(P999),
    tVisibility999,
    tVisibility999FirstCrossing: firstCrossingMs(sketch, { share: P999 }, random),
    pConsistent: (times ?? tellingTimes(tVisibility999)).map((t) => ({ t, p: consistent(t) })),
    kFreshness: VERSIONS.map((k) => ({ k, p: kFreshness(tally.n, r, w, k) })),
    monotonicReads: monotonicReads(tally.n, r, w, 1),
  };
}

/** 0, then 1, 2 and 5 times powers of ten over the four decades that end beyond `visibleMs`. */
export function tellingTimes(visibleMs: number): number[] {
  const last = visibleMs > 0 ? Math.ceil(Math.log10(visibleMs) * 3 - 1e-9) + 1 : 3;
  const times = Array.from({ length: 12 }, (_, i) => {
    const step = last - 11 + i;
    const digit = [1, 2, 5][((step % 3) + 3) % 3] as number;
    return Number((digit * 10 ** Math.floor(step / 3)).toPrecision(1));
  });
  return [0, ...times];
}
