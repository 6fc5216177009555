/**
 * One comparison with one co-owner, seen from the side that began it: roots of all shared ranges in
 * one call; then, a range at a time, down the tree where hashes differ; then the keys of the leaves
 * that differ, on both sides; then the records of exactly the keys that differ.
 *
 * Pure bookkeeping: `AntiEntropy` sends, this decides what is next.
 */
import type { Micros, NodeId } from "../types/ids.ts";
import type { KeyDigest, KeyPlace } from "../types/records.ts";
import { DEPTH, FAN_OUT, type MerkleTree, type TreeHash } from "./merkle.ts";
import { TreeKeeper } from "./tree_keeper.ts";

/** Nodes asked for in one call. */
const NODES_PER_CALL = 64;

type Step =
  | {
    readonly kind: "children";
    readonly range: number;
    readonly level: number;
    readonly nodes: readonly number[];
  }
  | {
    readonly kind: "keys";
    readonly range: number;
    readonly leaves: readonly number[];
    readonly after: KeyPlace | null;
  }
  | { readonly kind: "done" };

/** The keys of one run of leaves, as both sides list them. */
interface Listing {
  readonly leaves: readonly number[];
  readonly theirs: Map<string, TreeHash>;
  readonly own: Map<string, TreeHash>;
  theirsDone: boolean;
  ownDone: boolean;
}

export class Exchange {
  readonly kind = "anti-entropy";
  ranges: number[] = [];
  rangesCompared = 0;
  rangesDiffering = 0;
  keysRepaired = 0;
  keysFailed = 0;
  /** Keys whose records differ and are not being repaired yet, with whether the peer has any. */
  readonly toRepair: { readonly key: string; readonly atPeer: boolean }[] = [];
  repairing = 0;
  listing: Listing | null = null;
  private fruitless: readonly number[] = [];
  private range: number | null = null;
  private level = 0;
  private frontier: number[] = [];
  /** The nodes whose children the peer was asked for last. */
  private asked: readonly number[] = [];
  private differing: number[] = [];
  private runs: number[][] = [];

  /** Every shared range has been gone through. */
  isCompleted = false;

  constructor(readonly id: number, readonly peer: NodeId, readonly startedAt: Micros) {}

  get currentRange(): number {
    if (this.range === null) throw new Error("Cannot name a range before one is compared");
    return this.range;
  }

  onRoots(differing: readonly number[]): void {
    this.ranges = [...differing];
    this.rangesDiffering = differing.length;
  }

  /** What to ask the peer for next. */
  next(): Step {
    while (true) {
      if (this.frontier.length > 0) {
        const nodes = this.frontier.splice(0, NODES_PER_CALL);
        this.asked = nodes;
        return { kind: "children", range: this.currentRange, level: this.level, nodes };
      }
      if (this.differing.length > 0) {
        this.level++;
        if (this.level < DEPTH) this.frontier = this.differing;
        else this.runs = TreeKeeper.runsOf(this.differing);
        this.differing = [];
        continue;
      }
      const leaves = this.runs.shift();
      if (leaves !== undefined) {
        this.listing = {
          leaves,
          theirs: new Map(),
          own: new Map(),
          theirsDone: false,
          ownDone: false,
        };
        return { kind: "keys", range: this.currentRange, leaves, after: null };
      }
      const range = this.ranges.shift();
      if (range === undefined) return { kind: "done" };
      this.range = range;
      this.level = 0;
      this.frontier = [0];
    }
  }

  /** What the peer has below the nodes that were asked for. */
  onChildren(theirs: readonly (readonly TreeHash[])[], own: MerkleTree): void {
    this.asked.forEach((parent, i) => {
      const children = own.children(this.level, parent);
      theirs[i]?.forEach((hash, child) => {
        if (children[child] !== hash) this.differing.push(parent * FAN_OUT + child);
      });
    });
  }

  /** Another page of the listing, from either side. */
  onKeys(side: "own" | "theirs", keys: readonly KeyDigest[], isLast: boolean): void {
    if (this.listing === null) return;
    for (const [key, hash] of keys) this.listing[side].set(key, hash);
    if (!isLast) return;
    if (side === "own") this.listing.ownDone = true;
    else this.listing.theirsDone = true;
    if (this.listing.ownDone && this.listing.theirsDone) this.compare(this.listing);
  }

  private compare({ leaves, own, theirs }: Listing): void {
    const before = this.toRepair.length;
    for (const key of new Set([...own.keys(), ...theirs.keys()])) {
      if (own.get(key) !== theirs.get(key)) this.toRepair.push({ key, atPeer: theirs.has(key) });
    }
    if (this.toRepair.length === before) this.fruitless = leaves;
    this.listing = null;
  }

  /**
   * Leaves that differed though none of their keys does: one of the two trees is wrong. Returns
   * them once.
   */
  takeFruitless(): readonly number[] {
    const leaves = this.fruitless;
    this.fruitless = [];
    return leaves;
  }
}

/** One record that differs: it is fetched, merged, and sent back where the peer has less. */
export class KeyRepair {
  readonly kind = "key-repair";

  constructor(
    readonly id: number,
    readonly exchange: number,
    readonly peer: NodeId,
    readonly key: string,
    readonly atPeer: boolean,
  ) {}
}
