/**
 * After the faults: waits until no hint is left and all primaries of every key hold the same, by what
 * is on the nodes' disks and not by what a quorum answers.
 */
import { type ClusterView, contentsOf, type HeldRecord } from "./cluster_view.ts";

/** Questions to the nodes at once. */
const ASKED_AT_ONCE = 32;
const POLL_MS = 100;

export interface Convergence {
  readonly converged: boolean;
  readonly tookMs: number;
  /** When the last hint was gone, ms; null when some were left. */
  readonly hintsTookMs: number | null;
  readonly hintsLeft: number;
  /** Keys whose primaries still differed at the end. */
  readonly keysDiffering: readonly string[];
}

/** Waits for `settleMs` at most. `nudge` is given, again and again, the keys that still differ. */
export async function untilConverged(
  view: ClusterView,
  keys: readonly string[],
  settleMs: number,
  nudge: (keys: readonly string[]) => Promise<void> = () => Promise.resolve(),
): Promise<Convergence> {
  const startedMs = performance.now();
  const sinceMs = () => Math.round(performance.now() - startedMs);
  let hintsTookMs: number | null = null;
  for (;;) {
    const hintsLeft = await view.hints();
    hintsTookMs = hintsLeft > 0 ? null : hintsTookMs ?? sinceMs();
    // While hints travel, records still change: comparing them would only slow the nodes down.
    const late = performance.now() - startedMs > settleMs;
    const keysDiffering = hintsLeft > 0 && !late ? keys : await differing(view, keys);
    const converged = hintsLeft === 0 && keysDiffering.length === 0;
    const tookMs = sinceMs();
    if (converged || late) return { converged, tookMs, hintsTookMs, hintsLeft, keysDiffering };
    if (hintsLeft === 0) await nudge(keysDiffering);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function differing(view: ClusterView, keys: readonly string[]): Promise<string[]> {
  const equal = await inTurns(keys, async (key) => {
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

/** `work` for each item, a bounded number at once. */
export async function inTurns<T, R>(
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
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, worker));
  return results;
}
