/**
 * What a WARS run says about one quorum, as `deno task pbs --json` prints it and the PBS page shows it.
 */
import { SeededRandom } from "../../random/seeded.ts";
import { firstCrossingMs } from "./first_crossing.ts";
import { kFreshness, monotonicReads } from "./quorum_formulas.ts";
import type { Quorum, WarsTally } from "./wars.ts";

/** Times in ms; "P999" are 99.9th percentiles. */
export interface WarsReport extends Quorum {
  readonly n: number;
  /** Trials run: fewer than asked for when the run was stopped. */
  readonly trials: number;
  readonly readMean: number;
  readonly readP50: number;
  readonly readP99: number;
  readonly readP999: number;
  readonly writeMean: number;
  readonly writeP50: number;
  readonly writeP99: number;
  readonly writeP999: number;
  /** How long after a write's answer 99.9% of reads see it: the true quantile. */
  readonly tVisibility999: number;
  /** The same as PBS estimates it, to be set beside published figures: see `first_crossing.ts`. */
  readonly tVisibility999FirstCrossing: number;
  readonly pConsistent: readonly { readonly t: number; readonly p: number }[];
  /** The probability of reading one of the last k versions, in closed form, k = 1, 2, 3, 5, 10. */
  readonly kFreshness: readonly { readonly k: number; readonly p: number }[];
  /** The probability that a client's reads never go back, with one write for each of its reads. */
  readonly monotonicReads: number;
}

const P999 = 0.999;
const VERSIONS: readonly number[] = [1, 2, 3, 5, 10];

/** `times`: where to tell P(consistent), ms; chosen to show the whole rise unless given. */
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

/** 0, then 1, 2 and 5 times powers of ten over the four decades that end past `visibleMs`. */
export function tellingTimes(visibleMs: number): number[] {
  const last = visibleMs > 0 ? Math.ceil(Math.log10(visibleMs) * 3 - 1e-9) + 1 : 3;
  const times = Array.from({ length: 12 }, (_, i) => {
    const step = last - 11 + i;
    const digit = [1, 2, 5][((step % 3) + 3) % 3] as number;
    return Number((digit * 10 ** Math.floor(step / 3)).toPrecision(1));
  });
  return [0, ...times];
}
