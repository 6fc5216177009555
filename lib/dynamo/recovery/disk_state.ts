/**
 * The state of this node's own disk (incarnation and condition): what should be durable, and what
 * is. One save at a time, always of the newest. Only what is durable is told to others.
 */
import type { NodeContext } from "../node_context.ts";
import type { DiskState } from "../types/boot.ts";
import { assert } from "../util/assert.ts";

/** A directory that never belonged to a member has no condition. */
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

  /** Whether the disk has everything that it should. */
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

  /** Saves what is not saved yet, now or when the save under way has ended. */
  saveNext(): void {
    const { wanted } = this;
    const { condition } = wanted;
    // A node that is not a member stores nothing: this can wait until it is one.
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

  /** The save failed, and `saveNext` tries again. False when it was not one of these. */
  onFailed(id: number): boolean {
    if (this.saving?.id !== id) return false;
    this.saving = null;
    return true;
  }
}

function isSame(a: DiskKnowledge, b: DiskKnowledge): boolean {
  return a.incarnation === b.incarnation && a.condition === b.condition;
}
