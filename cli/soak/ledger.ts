/**
 * The clients' own record of what they wrote and what became of it, against which the disks are held
 * afterwards. Values are sets that only grow: a write that is lost leaves an element missing, and one
 * that was superseded leaves it in what superseded it.
 */
import type { PutResult } from "../../lib/client/client.ts";

export interface Acknowledged {
  readonly key: string;
  readonly element: string;
  /** Who coordinated it, who had it on disk by then, and for whom. */
  readonly coordinator: string;
  readonly acks: readonly string[];
  readonly hints: readonly { readonly holder: string; readonly for: string }[];
  /** Since the start of the load, ms. */
  readonly atMs: number;
}

export interface OperationCounts {
  gets: number;
  getsFailed: number;
  puts: number;
  acknowledged: number;
  failed: number;
  indeterminate: number;
}

/** What the ledger says of the elements found in a key's value at the end. */
interface Findings {
  readonly lost: Acknowledged[];
  /** Writes that were refused for certain and are there all the same. */
  readonly surfaced: string[];
  /** Elements that nobody wrote to that key. */
  readonly strangers: string[];
}

export class Ledger {
  readonly counts: OperationCounts = {
    gets: 0,
    getsFailed: 0,
    puts: 0,
    acknowledged: 0,
    failed: 0,
    indeterminate: 0,
  };
  /** By key, then element: null while under way and for what may or may not surface. */
  private readonly keys = new Map<string, Map<string, Acknowledged | "failed" | null>>();
  private readonly startedMs = performance.now();

  noteGet(ok: boolean): void {
    this.counts.gets++;
    if (!ok) this.counts.getsFailed++;
  }

  /** Before the write leaves: it may surface from then on. */
  begin(key: string, element: string): void {
    this.counts.puts++;
    let elements = this.keys.get(key);
    if (elements === undefined) this.keys.set(key, elements = new Map());
    elements.set(element, null);
  }

  end(key: string, element: string, result: PutResult): void {
    const elements = this.keys.get(key);
    if (result.outcome === "ok") {
      this.counts.acknowledged++;
      const { coordinator, acks, hints } = result;
      const atMs = Math.round(performance.now() - this.startedMs);
      elements?.set(element, { key, element, coordinator, acks, hints, atMs });
    } else {
      this.counts[result.outcome]++;
      if (result.outcome === "failed") elements?.set(element, "failed");
    }
  }

  /** Keys that were written to, or tried to be. */
  get written(): string[] {
    return [...this.keys.keys()];
  }

  compare(key: string, found: ReadonlySet<string>): Findings {
    const elements = this.keys.get(key) ?? new Map<string, Acknowledged | "failed" | null>();
    const lost: Acknowledged[] = [];
    const surfaced: string[] = [];
    for (const [element, end] of elements) {
      if (end === "failed" && found.has(element)) surfaced.push(element);
      if (end !== null && end !== "failed" && !found.has(element)) lost.push(end);
    }
    return { lost, surfaced, strangers: [...found].filter((element) => !elements.has(element)) };
  }
}

/** A value as it is stored, and back. Throws for what no client wrote. */
export function textOfSet(elements: ReadonlySet<string>): string {
  return [...elements].toSorted().join(" ");
}

export function setOfText(text: string): Set<string> {
  return new Set(text.split(" ").filter((element) => element !== ""));
}
