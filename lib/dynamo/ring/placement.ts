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
}

export type Health = (node: NodeId) => boolean;

export class Placement {
  /**
   * In the order in which they were chosen. Few, so a linear search is quick. The array is
   * replaced, never changed.
   */
  private places: readonly Place[] = [];
  private primaries: readonly NodeId[];

  constructor(
    private ring: Ring,
    private range: number,
    private readonly sloppy: boolean,
    private readonly self: NodeId,
    /** Whether this node has fenced the range: then it is not used as an owner. */
    isFenced = false,
  ) {
    this.primaries = withoutFenced(ring.primaries(range), self, isFenced);
  }

  /**
   * The owner that has succeeded `node`, which refused, since the request began. Undefined when
   * there is none.
   */
  successorOf(node: NodeId, ring: Ring, range: number): Place | undefined {
    const owners = ring.primaries(range);
    if (!this.primaries.includes(node) || owners.includes(node)) return undefined;
    const successor = owners.find((owner) =>
      !this.primaries.includes(owner) && this.placeOf(owner) === undefined
    );
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
      this.places = this.primaries.map(placeOfPrimary);
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
    const place = { node, primary: this.primaries.includes(node), standsInFor };
    this.places = [...this.places, place];
    return place;
  }
}

function withoutFenced(
  primaries: readonly NodeId[],
  self: NodeId,
  isFenced: boolean,
): readonly NodeId[] {
  return isFenced ? primaries.filter((primary) => primary !== self) : primaries;
}

function placeOfPrimary(node: NodeId): Place {
  return { node, primary: true, standsInFor: null };
}
