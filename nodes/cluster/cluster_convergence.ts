/**
 * Waits, after faults have ended, until no hint is left and all primaries of each key hold equal
 * records. It compares what is on the nodes' disks, not what a quorum answers.
 */
import { type ClusterView, contentsOf, type HeldRecord } from "./cluster_view.ts";

const CONCURRENT_REQUESTS = 32;
const POLL_MS = 100;

export interface Convergence {
  readonly converged: boolean;
  readonly tookMs: number;
  /** How long it took until the last hint was gone; null if some were left. */
  readonly hintsTookMs: number | null;
  readonly hintsLeft: number;
  /** Keys whose primaries still differed at the end. */
  readonly keysDiffering: readonly string[];
}

/** Waits at most `settleMs`. `repair` is called again and again with the keys that still differ. */
export async function untilConverged(
  view: ClusterView,
  keys: readonly string[],
  settleMs: number,
  repair: (keys: readonly string[]) => Promise<void> = () => Promise.resolve(),
): Promise<Convergence> {
  const startedMs = performance.now();
  const sinceMs = () => Math.round(performance.now() - startedMs);
  let hintsTookMs: number | null = null;
  for (;;) {
    const hintsLeft = await view.hints();
    hintsTookMs = hintsLeft > 0 ? null : hintsTookMs ?? sinceMs();
    // While hints are being delivered, records still change. Comparing them would only load the nodes.
    const isLate = performance.now() - startedMs > settleMs;
    const keysDiffering = hintsLeft > 0 && !isLate ? keys : await differing(view, keys);
    const converged = hintsLeft === 0 && keysDiffering.length === 0;
    const tookMs = sinceMs();
    if (converged || isLate) return { converged, tookMs, hintsTookMs, hintsLeft, keysDiffering };
    if (hintsLeft === 0) await repair(keysDiffering);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function differing(view: ClusterView, keys: readonly string[]): Promise<string[]> {
  const equal = await forEachConcurrently(keys, async (key) => {
    const [first, ...others] = (await heldByPrimaries(view, key)).map(({ record }) =>
      contentsOf(record)
    );
    return others.every((each) => each === first);
  });
  return keys.filter((_, i) => equal[i] === false);
}

/** What each primary of the key has on its disk. */
export async function heldByPrimaries(
  view: ClusterView,
  key: string,
): Promise<{ readonly node: string; readonly record: HeldRecord | null }[]> {
  const primaries = await view.primaries(key);
  return await Promise.all(
    primaries.map(async (node) => ({ node, record: await view.record(node, key) })),
  );
}

/** Runs `work` for each item, at most {@link CONCURRENT_REQUESTS} at once. */
export async function forEachConcurrently<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index] as T);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_REQUESTS }, worker));
  return results;
}
