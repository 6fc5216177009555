/**
 * What this node's disk is to know of itself, and what it knows by now: one save at a time, of the
 * newest. Whoever tells others of it tells what is known.
 */
import type { NodeContext } from "../node_context.ts";
import type { DiskState } from "../types/boot.ts";
import { assert } from "../util/assert.ts";

/** It knows no condition before it was a member's. */
type DiskKnowledge = Pick<DiskState, "incarnation"> & Partial<DiskState>;

export class DiskStateKeeper {
  wanted: DiskKnowledge;
  saved: DiskKnowledge;
  private saving: { readonly id: number; readonly state: DiskKnowledge } | null = null;

  constructor(private readonly node: NodeContext) {
    const { incarnation, condition } = node.boot;
    this.saved = condition === undefined ? { incarnation } : { incarnation, condition };
    this.wanted = this.saved;
  }

  /** The disk knows all that it is to know. */
  get isInformed(): boolean {
    return this.wanted.condition === undefined || isSame(this.wanted, this.saved);
  }

  save(change: Partial<DiskState>): void {
    this.wanted = { ...this.wanted, ...change };
    const { wanted: { incarnation }, saved } = this;
    assert(
      incarnation >= saved.incarnation,
      "an incarnation never goes down",
      saved.incarnation,
      incarnation,
    );
    this.saveNext();
  }

  /** Saves what is not saved yet, unless a save is under way: its end comes back here. */
  saveNext(): void {
    const { wanted } = this;
    const { condition } = wanted;
    // A node that is no member keeps nothing: what it learns can wait until it is one.
    if (this.saving !== null || condition === undefined || isSame(wanted, this.saved)) return;
    this.saving = { id: this.node.out.saveDiskState({ ...wanted, condition }), state: wanted };
  }

  /** Whether the save was one of these. */
  onSaved(id: number): boolean {
    if (this.saving?.id !== id) return false;
    this.saved = this.saving.state;
    this.saving = null;
    this.node.incarnation = this.saved.incarnation;
    return true;
  }

  /** Likewise; the disk did not take it, and `saveNext` tries again. */
  onFailed(id: number): boolean {
    if (this.saving?.id !== id) return false;
    this.saving = null;
    return true;
  }
}

function isSame(a: DiskKnowledge, b: DiskKnowledge): boolean {
  return a.incarnation === b.incarnation && a.condition === b.condition;
}
