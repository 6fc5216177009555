/** Compares the disks with the clients' record, after the faults. */
import { forEachConcurrently, heldByPrimaries } from "../../nodes/cluster/cluster_convergence.ts";
import type { ClusterView, HeldRecord } from "../../nodes/cluster/cluster_view.ts";
import { type Acknowledged, type Ledger, setOfText } from "./ledger.ts";

export interface Verdict {
  /** Acknowledged writes that are missing from a primary. */
  readonly lost: readonly Acknowledged[];
  readonly surfaced: readonly string[];
  readonly strangers: readonly string[];
  /** The largest number of siblings of a key. */
  readonly siblingsMost: number;
}

export async function verify(view: ClusterView, ledger: Ledger): Promise<Verdict> {
  const lost = new Map<string, Acknowledged>();
  const surfaced = new Set<string>();
  const strangers = new Set<string>();
  let siblingsMost = 0;
  await forEachConcurrently(ledger.written, async (key) => {
    for (const { record } of await heldByPrimaries(view, key)) {
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
