/**
 * Anti-entropy: replicas compare Merkle trees in the background and exchange the records that
 * differ, so that what hints and reads did not repair converges too (SOSP 2007, section 4.7). One
 * exchange at a time, with one co-owner after the other; it waits while clients need the disk
 * (section 6.5).
 */
import type { Conversation } from "../conversations.ts";
import { MICROS_PER_MS, type NodeContext } from "../node_context.ts";
import { positionOf } from "../ring/position.ts";
import type { AntiEntropyState, ExchangeReport } from "../types/admin.ts";
import { refusal } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { PeerReply, PeerRequest } from "../types/peer_messages.ts";
import type { KeyDigest, KeyPlace, StoredRecord } from "../types/records.ts";
import { assert } from "../util/assert.ts";
import { sameSiblings } from "../versions/versions.ts";
import { Exchange, KeyRepair } from "./exchange.ts";
import { ExchangeOrders } from "./exchange_orders.ts";
import { ExchangeTurns } from "./exchange_turns.ts";
import { hexOf, type MerkleTree, recordDigest } from "./merkle.ts";

const PAGE_KEYS = 512;

/** A scan of some leaves: for the exchange under way, or for a peer that asked. */
interface LeafScan {
  readonly range: number;
  readonly leaves: readonly number[];
  readonly after: KeyPlace | null;
  readonly asker: { readonly request: number } | { readonly exchange: number };
}

export class AntiEntropy {
  private readonly scans = new Map<number, LeafScan>();
  private exchange: number | null = null;
  readonly turns: ExchangeTurns;
  /** Paused by an operator. */
  paused = false;
  readonly orders: ExchangeOrders;
  private readonly last = new Map<NodeId, ExchangeReport>();

  constructor(private readonly node: NodeContext) {
    this.orders = new ExchangeOrders(node, this);
    this.turns = new ExchangeTurns(node);
  }

  get state(): AntiEntropyState {
    const { conversations, trees } = this.node;
    const current = this.exchange === null
      ? undefined
      : conversations.find(this.exchange, Exchange)?.coordinator;
    const underWay = current?.peer ?? null;
    return {
      paused: this.paused,
      ready: trees.ready,
      underWay,
      last: Object.fromEntries(this.last),
    };
  }

  /** Begins an exchange with the next co-owner, if the time is right. */
  onTick(): void {
    const { node } = this;
    node.trees.resume(node.out);
    if (this.isTime()) {
      const peer = this.turns.next();
      if (peer !== undefined) this.begin(peer);
    }
    const at = node.out.now + node.config.antiEntropyIntervalMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "anti-entropy" });
  }

  /** Reads the next range again, so that damage is found before a client needs the record. */
  onScrubTick(): void {
    const { node } = this;
    if (!this.paused && !node.disk.isBusy(node.out.now)) node.trees.scrub(node.out);
    const at = node.out.now + node.config.scrubIntervalMs * MICROS_PER_MS;
    node.deadlines.add(at, { kind: "scrub" });
  }

  private isTime(): boolean {
    const { node } = this;
    return !this.paused && this.exchange === null && node.trees.ready &&
      !node.disk.isBusy(node.out.now);
  }

  /**
   * Compares with the peer now, `only` some of the shared ranges where it is given. The exchange's id;
   * null when another is under way or the trees are not ready.
   */
  begin(peer: NodeId, only: readonly number[] | null = null): number | null {
    const { node } = this;
    if (this.exchange !== null || !node.trees.ready) return null;
    if (only === null) this.turns.onBegun(peer);
    const exchange = new Exchange(node.out.nextId(), peer, node.out.now);
    this.exchange = exchange.id;
    const conversation = node.conversations.add(exchange, { kind: "self" });
    const ranges = this.turns.shared(peer).filter((range) => only === null || only.includes(range));
    exchange.rangesCompared = ranges.length;
    node.counters.treesCompared += ranges.length;
    const roots = ranges.map((range) => [range, this.treeOf(range)?.root() ?? ""] as const);
    const { grid } = node.ring;
    this.ask(conversation, exchange, { method: "tree.roots", grid, roots });
    return exchange.id;
  }

  private ask(conversation: Conversation, exchange: Exchange, request: PeerRequest): void {
    const { node } = this;
    node.call(conversation, exchange.peer, request, node.config.timeoutMs);
    const at = node.out.now + node.config.timeoutMs * MICROS_PER_MS;
    const call = conversation.calls.at(-1) ?? 0;
    node.deadlines.add(at, { kind: "call-silent", conversation: exchange.id, call });
  }

  onReply(conversation: Conversation, exchange: Exchange, reply: PeerReply): void {
    switch (reply.status) {
      case "roots":
        exchange.onRoots(reply.differing);
        // Ranges that the peer does not own, in its own view, cannot be called equal.
        exchange.keysFailed += reply.unknown.length;
        this.advance(conversation, exchange);
        break;
      case "tree": {
        const tree = this.treeOf(exchange.currentRange);
        if (tree !== undefined) exchange.onChildren(reply.children, tree);
        this.advance(conversation, exchange);
        break;
      }
      case "keys": {
        const leaves = exchange.listing?.leaves ?? [];
        const { next } = reply;
        exchange.onKeys("theirs", reply.keys, next === null);
        if (next !== null) {
          const range = exchange.currentRange;
          this.ask(conversation, exchange, { method: "tree.keys", range, leaves, after: next });
        } else this.repair(conversation, exchange);
        break;
      }
      default:
        this.end(exchange);
    }
  }

  /** Nothing more comes from the peer. */
  onFailed(exchange: Exchange): void {
    this.end(exchange);
  }

  private advance(conversation: Conversation, exchange: Exchange): void {
    const step = exchange.next();
    switch (step.kind) {
      case "children": {
        const { range, level, nodes } = step;
        this.ask(conversation, exchange, { method: "tree.children", range, level, nodes });
        break;
      }
      case "keys": {
        const { range, leaves, after } = step;
        this.ask(conversation, exchange, { method: "tree.keys", range, leaves, after });
        this.scanLeaves({ range, leaves, after: null, asker: { exchange: exchange.id } });
        break;
      }
      case "done":
        this.onEqual(exchange);
        break;
    }
  }

  /** All shared ranges were compared. */
  private onEqual(exchange: Exchange): void {
    exchange.isCompleted = true;
    this.end(exchange);
    if (exchange.keysFailed === 0) this.visitReturned();
  }

  /** Several peers may be back after a partition: compares with the next one at once. */
  private visitReturned(): void {
    const peer = this.isTime() ? this.turns.returned() : undefined;
    if (peer !== undefined) this.begin(peer);
  }

  private end(exchange: Exchange): void {
    const { node } = this;
    node.conversations.end(exchange.id);
    if (this.exchange === exchange.id) this.exchange = null;
    const { peer, rangesCompared: ranges, rangesDiffering, keysRepaired, keysFailed } = exchange;
    const { startedAt, isCompleted: completed } = exchange;
    const tookUs = node.out.now - startedAt;
    node.out.emit({ type: "anti-entropy", peer, ranges, rangesDiffering, keysRepaired, tookUs });
    if (completed) node.counters.exchanges++;
    else node.counters.exchangesFailed++;
    const figures = { ranges, rangesDiffering, keysRepaired, keysFailed };
    const report = { peer, startedAt, tookUs, ...figures, completed };
    this.last.set(peer, report);
    this.orders.onOver(exchange.id, report);
  }

  // Repairs ---------------------------------------------------------------------------------------

  /** Both lists are in: repair what differs, a bounded number at once, then go on. */
  private repair(conversation: Conversation, exchange: Exchange): void {
    if (exchange.listing !== null) return;
    const { node } = this;
    node.trees.doubt(exchange.currentRange, exchange.takeFruitless());
    while (exchange.repairing < node.config.antiEntropyKeysMax) {
      const next = exchange.toRepair.shift();
      if (next === undefined) break;
      exchange.repairing++;
      const id = node.out.nextId();
      const repair = new KeyRepair(id, exchange.id, exchange.peer, next.key, next.atPeer);
      const own = node.conversations.add(repair, { kind: "self" });
      node.watch(id, node.out.now, node.config.timeoutMs);
      if (next.atPeer) {
        const get = { method: "replica.get", key: next.key, purpose: "repair" } as const;
        node.call(own, exchange.peer, get, node.config.timeoutMs);
      } else {
        node.records.read(next.key, { kind: "conversation", conversation: id }, node.out);
      }
    }
    if (exchange.repairing === 0 && exchange.toRepair.length === 0) {
      this.advance(conversation, exchange);
    }
  }

  /** Merges the peer's record here. Whether the peer lacks something is seen after that. */
  onPeerRecord(repair: KeyRepair, reply: PeerReply): void {
    const { node } = this;
    if (reply.status === "stored") this.finishRepair(repair, true);
    else if (reply.status === "error" && reply.error.code === "record-damaged") {
      // It has nothing to give. If this counted as a failure, two damaged copies would wait for
      // each other.
      this.finishRepair(repair, true);
    } else if (reply.status !== "record") this.finishRepair(repair, false);
    else {
      const { siblings } = reply;
      const taken = node.records.change(repair.key, {
        kind: "merge",
        siblings,
        request: null,
        hintFor: null,
        repair: repair.id,
      }, node.out);
      if (!taken) this.finishRepair(repair, false);
    }
  }

  /** The merged record is stored here: it is sent to the peer if the peer had less. */
  onMerged(id: number, merged: StoredRecord["siblings"], theirs: StoredRecord["siblings"]): void {
    const conversation = this.node.conversations.find(id, KeyRepair);
    if (conversation === undefined) return;
    const repair = conversation.coordinator;
    if (sameSiblings(merged, theirs)) this.finishRepair(repair, true);
    else this.push(conversation, repair, merged);
  }

  onMergeFailed(id: number): void {
    const repair = this.node.conversations.find(id, KeyRepair)?.coordinator;
    if (repair !== undefined) this.finishRepair(repair, false);
  }

  /** What only this node has. */
  onOwnRecord(conversation: Conversation, repair: KeyRepair, record: StoredRecord | null): void {
    if (record === null) this.finishRepair(repair, true);
    else this.push(conversation, repair, record.siblings);
  }

  private push(
    conversation: Conversation,
    repair: KeyRepair,
    siblings: StoredRecord["siblings"],
  ): void {
    const { node } = this;
    const put = { method: "replica.put", key: repair.key, siblings, purpose: "repair" } as const;
    node.call(conversation, repair.peer, put, node.config.timeoutMs);
  }

  finishRepair(repair: KeyRepair, wentWell: boolean): void {
    const { node } = this;
    node.conversations.end(repair.id);
    if (wentWell) node.counters.keysRepaired++;
    const conversation = node.conversations.find(repair.exchange, Exchange);
    if (conversation === undefined) return;
    const exchange = conversation.coordinator;
    exchange.repairing--;
    assert(exchange.repairing >= 0, "repairs under way are never negative", exchange.repairing);
    if (wentWell) exchange.keysRepaired++;
    else exchange.keysFailed++;
    this.repair(conversation, exchange);
  }

  // The answering side, and scans -----------------------------------------------------------------

  onRequest(
    id: number,
    request: PeerRequest & { method: "tree.roots" | "tree.children" | "tree.keys" },
  ): void {
    const { node } = this;
    if (!node.trees.ready) {
      node.refuse(id, refusal("overloaded", "The trees are still being built"));
      return;
    }
    if (request.method === "tree.roots") {
      if (request.grid !== node.ring.grid) {
        const error = refusal(
          "wrong-owner",
          "Trees can only be compared where both nodes have the same ring",
        );
        node.refuse(id, { ...error, ringVersion: node.ring.version });
        return;
      }
      const unknown = request.roots.map(([range]) => range)
        .filter((range) => this.treeOf(range) === undefined);
      const differing = request.roots
        .filter(([range, hash]) => {
          const tree = this.treeOf(range);
          return tree !== undefined && tree.root() !== hash;
        })
        .map(([range]) => range);
      node.out.respond(id, { status: "roots", differing, unknown });
      return;
    }
    const tree = this.treeOf(request.range);
    if (tree === undefined) {
      const message = `Node ${node.self} does not own range ${request.range}`;
      node.refuse(id, refusal("wrong-owner", message));
    } else if (request.method === "tree.children") {
      const children = request.nodes.map((index) => tree.children(request.level, index));
      node.out.respond(id, { status: "tree", children });
    } else {
      const { range, leaves, after } = request;
      this.scanLeaves({ range, leaves, after, asker: { request: id } });
    }
  }

  private treeOf(range: number): MerkleTree | undefined {
    return this.node.trees.tree(range);
  }

  private scanLeaves(scan: LeafScan): void {
    const tree = this.treeOf(scan.range);
    const [first] = scan.leaves;
    const last = scan.leaves.at(-1);
    if (tree === undefined || first === undefined || last === undefined) return;
    const range = tree.rangeOf(first, last);
    this.scans.set(this.node.out.scan(range, scan.after, PAGE_KEYS), scan);
  }

  onScanned(id: number, records: readonly StoredRecord[], next: KeyPlace | null): void {
    const scan = this.scans.get(id);
    if (scan === undefined) return;
    this.scans.delete(id);
    const keys = this.digestsIn(scan, records);
    if ("request" in scan.asker) {
      this.node.out.respond(scan.asker.request, { status: "keys", keys, next });
      return;
    }
    const conversation = this.node.conversations.find(scan.asker.exchange, Exchange);
    if (conversation === undefined) return;
    const exchange = conversation.coordinator;
    exchange.onKeys("own", keys, next === null);
    if (next !== null) this.scanLeaves({ ...scan, after: next });
    else this.repair(conversation, exchange);
  }

  onScanFailed(id: number): void {
    const scan = this.scans.get(id);
    if (scan === undefined) return;
    this.scans.delete(id);
    if ("request" in scan.asker) {
      this.node.refuse(scan.asker.request, refusal("storage-failed", "The keys cannot be listed"));
      return;
    }
    const exchange = this.node.conversations.find(scan.asker.exchange, Exchange)?.coordinator;
    if (exchange !== undefined) this.end(exchange);
  }

  private digestsIn(scan: LeafScan, records: readonly StoredRecord[]): KeyDigest[] {
    const tree = this.treeOf(scan.range);
    const wanted = new Set(scan.leaves);
    const keys: KeyDigest[] = [];
    for (const { key, siblings } of records) {
      const position = positionOf(key);
      if (this.node.ring.rangeAt(position) !== scan.range) continue;
      if (tree === undefined || !wanted.has(tree.leafOf(position))) continue;
      keys.push([key, hexOf(recordDigest(key, siblings))]);
    }
    return keys;
  }
}
