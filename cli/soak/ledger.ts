/**
 * The clients' record of their writes and the outcomes, which is compared with the disks
 * afterwards. Values are sets that only grow. A lost write leaves an element missing; the element
 * of a superseded write is in the value that replaced it.
 */
import type { PutResult } from "../../lib/client/client.ts";

export interface Acknowledged {
  readonly key: string;
  readonly element: string;
  /** The coordinator, the nodes that had it on disk, and the hints. */
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

/** The result of comparing the elements of a key with the ledger. */
interface Findings {
  readonly lost: Acknowledged[];
  /** Writes that were refused but exist. */
  readonly surfaced: string[];
  /** Elements that no client wrote to that key. */
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
  /** By key and element; null while the write is in flight or when its outcome is unknown. */
  private readonly keys = new Map<string, Map<string, Acknowledged | "failed" | null>>();
  private readonly startedMs = performance.now();

  noteGet(ok: boolean): void {
    this.counts.gets++;
    if (!ok) this.counts.getsFailed++;
  }

  /** Call it before sending the write, which may take effect from then on. */
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

  /** Keys with at least one attempted write. */
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

/** A set as it is stored; {@link setOfText} is the inverse. */
export function textOfSet(elements: ReadonlySet<string>): string {
  return [...elements].toSorted().join(" ");
}

export function setOfText(text: string): Set<string> {
  return new Set(text.split(" ").filter((element) => element !== ""));
}
