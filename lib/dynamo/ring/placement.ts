/**
 * Who takes part in a request: the first N *healthy* nodes of the key's preference list, so that a
 * primary that is down, refuses or stays silent has a stand-in further along the ring (the sloppy
 * quorum, SOSP 2007, section 4.6). Under a strict quorum there are no stand-ins.
 */
import type { NodeId } from "../types/ids.ts";
import type { Ring } from "./ring.ts";

export interface Place {
  readonly node: NodeId;
  readonly primary: boolean;
  /** The primary that it stands in for; null for a primary itself. */
  readonly standsInFor: NodeId | null;
  /** The slot that it owns (`RangeRegister.slots`); null for a stand-in, whose copy is one of its own. */
  readonly slot: number | null;
}

export type Health = (node: NodeId) => boolean;

export class Placement {
  /**
   * In the order in which they were chosen. Few, so a linear search is quick. The array is
   * replaced, never changed.
   */
  private places: readonly Place[] = [];
  private primaries: readonly NodeId[];
  /** Of all who own the key, or have owned it since the request began. */
  private readonly slots = new Map<NodeId, number>();

  constructor(
    private ring: Ring,
    private range: number,
    private readonly sloppy: boolean,
    private readonly self: NodeId,
    /** Whether this node has fenced the range: then it is not used as an owner. */
    isFenced = false,
  ) {
    const owners = ring.primaries(range);
    const slots = ring.slots(range);
    for (const [i, owner] of owners.entries()) this.slots.set(owner, slots[i] as number);
    this.primaries = isFenced ? owners.filter((owner) => owner !== self) : owners;
  }

  /**
   * The owner that has succeeded `node`, which refused, since the request began: the one that has its
   * slot now, however many owners have changed. Undefined when there is none.
   */
  successorOf(node: NodeId, ring: Ring, range: number): Place | undefined {
    const owners = ring.primaries(range);
    if (!this.primaries.includes(node) || owners.includes(node)) return undefined;
    const slot = this.slots.get(node) as number;
    const heir = owners[ring.slots(range).indexOf(slot)];
    const isNew = heir !== undefined && !this.primaries.includes(heir) &&
      this.placeOf(heir) === undefined;
    const successor = isNew ? heir : undefined;
    if (successor !== undefined) this.slots.set(successor, slot);
    this.ring = ring;
    this.range = range;
    this.primaries = this.primaries.flatMap((primary) =>
      primary !== node ? [primary] : successor === undefined ? [] : [successor]
    );
    return successor === undefined ? undefined : this.take(successor, null);
  }

  /**
   * The first N healthy nodes. Where there are not enough, primaries that are believed down are
   * used too. Under a strict quorum, all primaries.
   */
  first(isUp: Health): readonly Place[] {
    if (this.places.length === 0 && (!this.sloppy || this.primaries.every(isUp))) {
      for (const primary of this.primaries) this.take(primary, null);
      return this.places;
    }
    for (const primary of this.primaries) {
      if (this.placeOf(primary) !== undefined) continue;
      if (!this.sloppy || isUp(primary)) this.take(primary, null);
    }
    for (const primary of this.primaries) {
      if (this.placeOf(primary) !== undefined || this.isStoodInFor(primary)) continue;
      if (this.standIn(primary, isUp) === undefined) this.take(primary, null);
    }
    return this.places;
  }

  /** The place of a coordinator that owns the key. It is taken with those of the others. */
  coordinatorInside(): Place {
    const slot = this.slots.get(this.self) ?? null;
    return { node: this.self, primary: true, standsInFor: null, slot };
  }

  /**
   * The place of a coordinator that is not among the first N and keeps a copy itself: it stands in
   * for a primary that is believed down, or else for the first one.
   */
  coordinatorOutside(isUp: Health): Place {
    const down = this.primaries.find((primary) => !isUp(primary));
    return this.take(this.self, down ?? this.primaries[0] ?? this.self);
  }

  /** A stand-in for a node that cannot be reached; undefined when there is none. */
  replacementOf(node: NodeId, isUp: Health): Place | undefined {
    const place = this.placeOf(node);
    if (!this.sloppy || place === undefined) return undefined;
    return this.standIn(place.standsInFor ?? node, isUp);
  }

  /** Which of these nodes stand in, and for whom. */
  hintsAt(nodes: readonly NodeId[]): { readonly holder: NodeId; readonly for: NodeId }[] {
    const hints: { holder: NodeId; for: NodeId }[] = [];
    for (const holder of nodes) {
      const target = this.placeOf(holder)?.standsInFor ?? null;
      if (target !== null) hints.push({ holder, for: target });
    }
    return hints;
  }

  private placeOf(node: NodeId): Place | undefined {
    for (const place of this.places) {
      if (place.node === node) return place;
    }
    return undefined;
  }

  private standIn(primary: NodeId, isUp: Health): Place | undefined {
    const next = this.ring.preferenceList(this.range)
      .find((node) =>
        this.placeOf(node) === undefined && !this.primaries.includes(node) &&
        (node === this.self || isUp(node))
      );
    return next === undefined ? undefined : this.take(next, primary);
  }

  private isStoodInFor(primary: NodeId): boolean {
    return this.places.some((place) => place.standsInFor === primary);
  }

  private take(node: NodeId, standsInFor: NodeId | null): Place {
    // A stand-in may have come to own the key since: then its copy is that of its slot.
    const slot = this.slots.get(node) ?? this.ring.slotOf(this.range, node) ?? null;
    // An owner that may not serve as one, because its disk is not confirmed, stands in as others do.
    const primary = standsInFor === null && this.primaries.includes(node);
    const place = { node, primary, standsInFor, slot };
    this.places = [...this.places, place];
    return place;
  }
}
