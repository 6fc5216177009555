/**
 * Who owns which range of the ring *now*; the tokens say who should (SOSP 2007, section 4.9).
 *
 * Every point of the circle has a register: its owners and an epoch, which goes up by one with each
 * change of an owner. Of two registers for the same point the one with the higher epoch wins, then
 * the one whose owners come first in order. So views converge in whatever order news arrives: each
 * is the pointwise maximum of everything heard. Neighbouring points share a segment until a
 * boundary is drawn between them; boundaries are only ever added.
 */
import type { NodeId } from "../types/ids.ts";
import { assert } from "../util/assert.ts";
import type { Position } from "./position.ts";
import type { LocalMark, RangeRegister, Segment } from "./ring_state.ts";

export class Ownership {
  private segments: Segment[];

  /** `segments` are sorted by start; `self` is the node whose view this is. */
  constructor(segments: readonly Segment[], private readonly self: NodeId) {
    this.segments = [...segments];
  }

  get list(): readonly Segment[] {
    return this.segments;
  }

  /** Draws a boundary. Both sides keep their owners, epoch and marks. */
  split(at: Position): void {
    const index = this.indexAt(at);
    const segment = this.segments[index] as Segment;
    if (segment.start === at) return;
    // Before the first start lies the end of the last segment, which runs over the top of the circle.
    const place = at < (this.segments[0] as Segment).start ? 0 : index + 1;
    this.segments.splice(place, 0, { ...segment, start: at });
  }

  /** Merges a register; true when it was news for some point of its range. */
  merge(register: RangeRegister): boolean {
    this.split(register.start);
    this.split(register.end);
    let changed = false;
    this.eachIn(register, (segment) => {
      if (!wins(register, segment)) return segment;
      changed = true;
      return this.succeed(segment, register);
    });
    return changed;
  }

  private succeed(segment: Segment, { owners, epoch, slots }: RangeRegister): Segment {
    const next = withSlots({ start: segment.start, owners, epoch }, slots);
    // It became an owner by copying the range, even if it hears of a later register first.
    const isFilled = segment.filled === true && owners.includes(this.self);
    // A fence is a promise about an epoch: another register of the same epoch does not lift it.
    const isFenced = segment.fenced === true && epoch === segment.epoch;
    const kept = isFilled ? { ...next, filled: true as const } : next;
    return isFenced ? { ...kept, fenced: true } : kept;
  }

  /** Sets a local mark on those segments of its range that still have its epoch. */
  mark({ start, end, epoch, mark }: LocalMark): void {
    this.split(start);
    this.split(end);
    this.eachIn(
      { start, end },
      (segment) => segment.epoch === epoch ? { ...segment, [mark]: true } : segment,
    );
  }

  /** The registers that have changed since the cluster was created. */
  registers(): RangeRegister[] {
    return this.segments.flatMap(({ start, owners, epoch, slots }, i) =>
      epoch > 1 ? [withSlots({ start, end: this.endOf(i), owners, epoch }, slots)] : []
    );
  }

  marks(): LocalMark[] {
    return this.segments.flatMap((segment, i) => {
      const { start, epoch } = segment;
      const end = this.endOf(i);
      return (["fenced", "filled"] as const)
        .flatMap((mark) => segment[mark] === true ? [{ start, end, epoch, mark }] : []);
    });
  }

  private endOf(index: number): Position {
    return (this.segments[(index + 1) % this.segments.length] as Segment).start;
  }

  private eachIn(
    { start, end }: { readonly start: Position; readonly end: Position },
    change: (segment: Segment) => Segment,
  ): void {
    this.segments = this.segments.map((segment) =>
      isWithin(segment.start, start, end) ? change(segment) : segment
    );
  }

  private indexAt(position: Position): number {
    const { segments } = this;
    let low = 0;
    let high = segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((segments[middle] as Segment).start <= position) low = middle + 1;
      else high = middle;
    }
    return (low - 1 + segments.length) % segments.length;
  }
}

/**
 * Asserts what no change of the segments may break. They are sorted and each ends where the next
 * one starts, so they cover the circle once; no boundary disappears; no epoch goes down; and a
 * fence lasts as long as its epoch.
 */
export function requireSuccession(before: readonly Segment[], after: readonly Segment[]): void {
  // What lies below the first start belongs to the last segment, which runs over the top of the circle.
  let former = before.length - 1;
  let boundaries = 0;
  for (let i = 0; i < after.length; i++) {
    const { start, epoch, fenced } = after[i] as Segment;
    const last = after[i - 1];
    assert(last === undefined || last.start < start, "segments are sorted", last?.start, start);
    if (before[boundaries]?.start === start) former = boundaries++;
    const was = before[former] as Segment;
    assert(epoch >= was.epoch, "the epoch of a range never goes down", start, was.epoch, epoch);
    const isKept = was.fenced !== true || fenced === true || epoch > was.epoch;
    assert(isKept, "only a higher epoch lifts a fence", start, epoch);
  }
  assert(boundaries === before.length, "boundaries are only added", before.length, boundaries);
}

/** The register or segment with these slots, left out where they are 0, 1, 2, … */
export function withSlots<T extends { readonly owners: readonly NodeId[] }>(
  place: T,
  slots: readonly number[] | undefined,
): T & { readonly slots?: readonly number[] } {
  return slots === undefined || slots.every((slot, i) => slot === i) ? place : { ...place, slots };
}

/** Whether the position lies in [start, end), clockwise; equal ends are the whole circle. */
export function isWithin(position: Position, start: Position, end: Position): boolean {
  if (start < end) return position >= start && position < end;
  return position >= start || position < end;
}

function wins(register: RangeRegister, segment: Segment): boolean {
  if (register.epoch !== segment.epoch) return register.epoch > segment.epoch;
  return register.owners.join() < segment.owners.join();
}
