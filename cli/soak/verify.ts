/**
 * After the faults: waits until no hint is left and all primaries of every key hold the same, then
 * holds the disks against the clients' record.
 */
import { type ClusterView, contentsOf, type HeldRecord } from "../../nodes/cluster_view.ts";
import { type Acknowledged, type Ledger, setOfText } from "./ledger.ts";

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

/** Waits for `settleMs` at most. */
export async function untilConverged(
  view: ClusterView,
  keys: readonly string[],
  settleMs: number,
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
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function differing(view: ClusterView, keys: readonly string[]): Promise<string[]> {
  const equal = await inTurns(keys, async (key) => {
    const [first, ...others] = (await held(view, key)).map(contentsOf);
    return others.every((each) => each === first);
  });
  return keys.filter((_, i) => equal[i] === false);
}

async function held(view: ClusterView, key: string): Promise<(HeldRecord | null)[]> {
  const primaries = await view.primaries(key);
  return await Promise.all(primaries.map((id) => view.record(id, key)));
}

export interface Verdict {
  /** Acknowledged writes that are missing from a primary. */
  readonly lost: readonly Acknowledged[];
  readonly surfaced: readonly string[];
  readonly strangers: readonly string[];
  /** The most values that one key had side by side. */
  readonly siblingsMost: number;
}

export async function verify(view: ClusterView, ledger: Ledger): Promise<Verdict> {
  const lost = new Map<string, Acknowledged>();
  const surfaced = new Set<string>();
  const strangers = new Set<string>();
  let siblingsMost = 0;
  await inTurns(ledger.written, async (key) => {
    for (const record of await held(view, key)) {
      const findings = ledger.compare(key, elementsOf(record));
      for (const each of findings.lost) lost.set(each.element, each);
      for (const element of findings.surfaced) surfaced.add(element);
      for (const element of findings.strangers) strangers.add(element);
      siblingsMost = Math.max(siblingsMost, record?.siblings.length ?? 0);
    }
  });
  return {
    lost: [...lost.values()],
    surfaced: [...surfaced],
    strangers: [...strangers],
    siblingsMost,
  };
}

function elementsOf(record: HeldRecord | null): Set<string> {
  const texts = record?.siblings.map(({ value = "" }) => value) ?? [];
  return new Set(texts.flatMap((text) => [...setOfText(text)]));
}

/** `work` for each item, a bounded number at once. */
async function inTurns<T, R>(
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
