/**
 * The ring: which nodes hold a key.
 *
 * Every node puts tokens on the circle; walking clockwise from a key, the first N distinct nodes are
 * its primaries, and the walk goes on to rank every other node as a fallback. The three partitionings
 * of the paper's section 6.2 differ in where a walk may start:
 *
 * - `random-tokens`: at the key. Ranges are what lies between two tokens.
 * - `random-tokens-equal-partitions`: at the end of the key's equal partition.
 * - `equal-partitions`: tokens sit on the partition boundaries, and a partition's walk starts at its own.
 *
 * A *range* is a half-open interval [start, end) of the ring with one preference list.
 * The state is plain data; {@link Ring} is the index over it.
 */
import { md5 } from "js-md5";
import type { NodeId } from "../types/ids.ts";
import { assert } from "../util/assert.ts";
import { withSlots } from "./ownership.ts";
import { boundaryOf, type Position, positionOf, shareBetween } from "./position.ts";
import type { RangeRegister, RingState, Token } from "./ring_state.ts";

/** One change of a range's owners: the sender gives way to the receiver. Either may be null. */
export interface OwnerStep {
  readonly range: number;
  readonly sender: NodeId | null;
  readonly receiver: NodeId | null;
}

/** A range of the ring. `index` counts from the one that starts first. */
export interface Range {
  readonly index: number;
  readonly start: Position;
  readonly end: Position;
}

const KEYS_KNOWN_MAX = 65_536;

const indexes = new WeakMap<RingState, Ring>();

export class Ring {
  readonly state: RingState;
  /** N, the replicas of a key. */
  readonly n: number;
  /** Equal on two nodes exactly when their rings are: 12 hex digits of a digest. */
  readonly version: string;
  private readonly starts: readonly Position[];
  private readonly tokenPositions: readonly Position[];
  private readonly zones: ReadonlyMap<NodeId, string | undefined>;
  private readonly zoneCount: number;
  private readonly plannedByRange: (readonly NodeId[] | undefined)[] = [];
  private cachedSteps: readonly OwnerStep[] | undefined;
  private cachedGrid: string | undefined;
  private cachedHolders: number | undefined;
  /** One request looks its key's range up many times. */
  private readonly rangeByKey = new Map<string, number>();
  private lastKey: string | null = null;
  private lastRange = 0;

  constructor(state: RingState, n: number) {
    if (state.tokens.length === 0) throw new Error("Cannot index a ring without tokens");
    this.state = state;
    this.n = n;
    this.version = md5(JSON.stringify(state)).slice(0, 12);
    this.tokenPositions = state.tokens.map((token) => token.position);
    this.starts = state.segments?.map((segment) => segment.start) ??
      (state.partitioning === "random-tokens"
        ? this.tokenPositions
        : Array.from({ length: state.partitions }, (_, i) => boundaryOf(i, state.partitions)));
    this.zones = new Map(state.members.map((member) => [member.id, member.zone]));
    this.zoneCount = new Set(state.members.map((member) => member.zone)).size;
  }

  /**
   * The index over a ring, made once for each state: the simulated nodes of one cluster share it.
   */
  static over(state: RingState, n: number): Ring {
    const known = indexes.get(state);
    if (known !== undefined && known.n === n) return known;
    const made = new Ring(state, n);
    indexes.set(state, made);
    return made;
  }

  /** A ring never changes, so a copied replica shares it. */
  clone(): Ring {
    return this;
  }

  get rangeCount(): number {
    return this.starts.length;
  }

  range(index: number): Range {
    const next = (index + 1) % this.starts.length;
    return {
      index,
      start: this.starts[index] as Position,
      end: this.starts[next] as Position,
    };
  }

  /** The share of the ring, in 0 … 1, that lies in the range. */
  shareOf(index: number): number {
    const { start, end } = this.range(index);
    return shareBetween(start, end);
  }

  rangeOfKey(key: string): number {
    if (key === this.lastKey) return this.lastRange;
    const range = this.rangeByKey.get(key) ?? this.findRange(key);
    this.lastKey = key;
    this.lastRange = range;
    return range;
  }

  private findRange(key: string): number {
    if (this.rangeByKey.size >= KEYS_KNOWN_MAX) this.rangeByKey.clear();
    const range = this.rangeAt(positionOf(key));
    this.rangeByKey.set(key, range);
    return range;
  }

  rangeAt(position: Position): number {
    return (lastAtOrBelow(this.starts, position) + this.starts.length) % this.starts.length;
  }

  /**
   * The owners of the range now, in the order of the preference list: N distinct nodes, or all when
   * there are fewer.
   */
  primaries(range: number): readonly NodeId[] {
    return this.state.segments?.[range]?.owners ?? this.planned(range);
  }

  /** The slots of {@link primaries}: see {@link RangeRegister}. */
  slots(range: number): readonly number[] {
    return this.state.segments?.[range]?.slots ?? this.primaries(range).map((_, slot) => slot);
  }

  /** The range's register, as it is sent. */
  register(range: number): RangeRegister {
    const { start, end } = this.range(range);
    const owners = this.primaries(range);
    return withSlots({ start, end, owners, epoch: this.epochOf(range) }, this.slots(range));
  }

  /** The slot of a node that owns the range now; undefined for others. */
  slotOf(range: number, node: NodeId): number | undefined {
    return this.slots(range)[this.primaries(range).indexOf(node)];
  }

  /** The range's register after a step. */
  registerAfter(step: OwnerStep): RangeRegister {
    const { start, end } = this.range(step.range);
    const epoch = this.epochOf(step.range) + 1;
    return withSlots({ start, end, owners: this.after(step), epoch }, this.slotsAfter(step));
  }

  /** The receiver takes the sender's slot, or the first free one. */
  private slotsAfter(step: OwnerStep): readonly number[] {
    const { range, sender } = step;
    const taken = this.slots(range);
    const inherited = sender === null ? undefined : this.slotOf(range, sender);
    let free = 0;
    while (taken.includes(free)) free++;
    return this.after(step).map((owner) => this.slotOf(range, owner) ?? inherited ?? free);
  }

  /**
   * Who should own it according to the tokens: the first N distinct nodes clockwise (SOSP 2007,
   * section 4.3).
   */
  planned(range: number): readonly NodeId[] {
    const cached = this.plannedByRange[range];
    if (cached !== undefined) return cached;
    const planned = this.zoneCount > 1 ? this.zonedPrimaries(range) : this.walk(range, this.n);
    const wanted = Math.min(
      this.n,
      this.holderCount,
      this.zoneCount > 1 ? this.zones.size : Infinity,
    );
    assert(
      new Set(planned).size === wanted,
      "N distinct nodes should own a range",
      wanted,
      planned,
    );
    this.plannedByRange[range] = planned;
    return planned;
  }

  /** Nodes with at least one token. */
  private get holderCount(): number {
    return this.cachedHolders ??= new Set(this.state.tokens.map(({ owner }) => owner)).size;
  }

  /** How often an owner of the range has changed, from 1. */
  epochOf(range: number): number {
    return this.state.segments?.[range]?.epoch ?? 1;
  }

  /** Equal where two rings are cut at the same places: only then do range numbers mean the same. */
  get grid(): string {
    return this.cachedGrid ??= md5(this.starts.join()).slice(0, 12);
  }

  /** For every range whose owners are not the planned ones, the next change of one owner. */
  get steps(): readonly OwnerStep[] {
    return this.cachedSteps ??= this.state.segments === undefined ? [] : this.findSteps();
  }

  /** Whether an owner of the range is about to change. */
  isMoving(range: number): boolean {
    return this.steps.some((step) => step.range === range);
  }

  private findSteps(): OwnerStep[] {
    const steps: OwnerStep[] = [];
    for (let range = 0; range < this.rangeCount; range++) {
      const held = this.primaries(range);
      const planned = this.planned(range);
      const sender = held.find((id) => !planned.includes(id)) ?? null;
      const receiver = planned.find((id) => !held.includes(id)) ?? null;
      const isOrdered = held.every((id, i) => id === planned[i]);
      if (sender !== null || receiver !== null || !isOrdered) {
        steps.push({ range, sender, receiver });
      }
    }
    return steps;
  }

  /** The owners after a step, in the planned order as far as they are planned. */
  after({ range, sender, receiver }: OwnerStep): readonly NodeId[] {
    const planned = this.planned(range);
    const owners = this.primaries(range).filter((id) => id !== sender);
    if (receiver !== null) owners.push(receiver);
    const rank = (id: NodeId) => (planned.indexOf(id) + planned.length + 1) % (planned.length + 1);
    return owners.toSorted((a, b) => rank(a) - rank(b));
  }

  primariesOfKey(key: string): readonly NodeId[] {
    return this.primaries(this.rangeOfKey(key));
  }

  /** Every node, ranked: the primaries, then the fallbacks in the order they are asked. */
  preferenceList(range: number): readonly NodeId[] {
    const primaries = this.primaries(range);
    const others = this.walk(range, this.state.members.length)
      .filter((id) => !primaries.includes(id));
    return [...primaries, ...others];
  }

  /** Distinct owners clockwise, until there are `count`. */
  private walk(range: number, count: number): NodeId[] {
    const found = new Set<NodeId>();
    for (const owner of this.ownersClockwise(range)) {
      found.add(owner);
      if (found.size >= count) break;
    }
    return [...found];
  }

  /** Takes one node of each zone first, then the nearest that were skipped. */
  private zonedPrimaries(range: number): NodeId[] {
    const nodes = this.walk(range, this.state.members.length);
    const zonesWanted = Math.min(this.n, this.zoneCount);
    const zonesTaken = new Set<string | undefined>();
    const spanning = new Set<NodeId>();
    for (const id of nodes) {
      if (zonesTaken.size === zonesWanted) break;
      if (zonesTaken.has(this.zones.get(id))) continue;
      zonesTaken.add(this.zones.get(id));
      spanning.add(id);
    }
    const fill = nodes.filter((id) => !spanning.has(id))
      .slice(0, Math.max(0, this.n - spanning.size));
    return nodes.filter((id) => spanning.has(id) || fill.includes(id)).slice(0, this.n);
  }

  private *ownersClockwise(range: number): Generator<NodeId> {
    const { tokens } = this.state;
    const first = this.firstTokenOf(range);
    for (let step = 0; step < tokens.length; step++) {
      const token = tokens[(first + step) % tokens.length];
      if (token !== undefined) yield token.owner;
    }
  }

  private firstTokenOf(range: number): number {
    switch (this.state.partitioning) {
      case "equal-partitions":
        return range;
      case "random-tokens":
        // Past every token, the walk goes on at the first.
        return lastAtOrBelow(this.tokenPositions, this.starts[range] as Position) + 1;
      case "random-tokens-equal-partitions": {
        const end = boundaryOf(range + 1, this.state.partitions);
        const past = range + 1 === this.state.partitions;
        return past ? 0 : lastBelow(this.state.tokens, end) + 1;
      }
    }
  }
}

/** Index of the last start at or below the position, -1 when all lie above. */
function lastAtOrBelow(starts: readonly Position[], position: Position): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] as Position) <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function lastBelow(tokens: readonly Token[], position: Position): number {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((tokens[middle] as Token).position < position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
