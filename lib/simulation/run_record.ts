/**
 * Records what the checkers need to know about the disks of a run: when and where each write became
 * durable, the value of each dot, and destroyed copies.
 *
 * Dots are used only to distinguish versions, never to order them.
 */
import type { StoredRecord } from "../dynamo/types/records.ts";
import type { Version } from "../dynamo/versions/versions.ts";
import { hadSeen, withPast } from "./checkers/causality.ts";
import type { History } from "./workload/history.ts";
import type { Destroyed } from "./world/disk.ts";

/** A copy that the simulator destroyed. */
interface Destruction {
  readonly node: number;
  readonly key: string;
  readonly how: Destroyed;
  readonly at: number;
}

/** One dot with two different values. */
interface DotClash {
  readonly key: string;
  readonly dot: string;
  readonly node: number;
  readonly at: number;
  readonly first: string;
  readonly second: string;
}

const CLASHES_MAX = 100;
const SENT_BEFORE_DURABLE_MAX = 100;
const DESTRUCTIONS_MAX = 1_000_000;

export class RunRecord {
  readonly destructions: Destruction[] = [];
  readonly clashes: DotClash[] = [];
  /** Writes whose last copy the simulator destroyed. */
  readonly excused = new Set<number>();
  /** Keys with a tombstone on any disk, with the time of the first one. */
  readonly tombstones = new Map<string, number>();
  /** Values on disks that no put of this run wrote. */
  readonly foreign: { readonly key: string; readonly value: string; readonly node: number }[] = [];
  /** Writes that were applied under two dots. */
  readonly appliedTwice = new Map<number, readonly [string, string]>();
  siblingsPeak = 0;
  clockEntriesPeak = 0;
  /** State that nodes sent before it was durable. */
  readonly sentBeforeDurable: {
    readonly node: number;
    readonly what: string;
    readonly at: number;
  }[] = [];
  /** The number of messages that were checked for such state. */
  messagesChecked = 0;
  /** The data directories that nodes were removed with. */
  readonly removedData = new Map<number, Set<string>>();
  private readonly firstCommit = new Map<number, Map<number, number>>();
  private readonly dots = new Map<string, string>();
  private readonly dotOf = new Map<number, string>();
  private readonly holdings = new Map<string, Map<number, readonly number[]>>();

  constructor(private readonly history: History) {}

  /** `history`: the history of the copy. */
  clone(history: History): RunRecord {
    const copy = new RunRecord(history);
    copy.destructions.push(...this.destructions);
    copy.clashes.push(...this.clashes);
    copy.foreign.push(...this.foreign);
    for (const id of this.excused) copy.excused.add(id);
    for (const [id, dots] of this.appliedTwice) copy.appliedTwice.set(id, dots);
    for (const [id, dot] of this.dotOf) copy.dotOf.set(id, dot);
    for (const [key, at] of this.tombstones) copy.tombstones.set(key, at);
    for (const [id, nodes] of this.firstCommit) copy.firstCommit.set(id, new Map(nodes));
    for (const [dot, meaning] of this.dots) copy.dots.set(dot, meaning);
    for (const [key, nodes] of this.holdings) copy.holdings.set(key, new Map(nodes));
    copy.siblingsPeak = this.siblingsPeak;
    copy.clockEntriesPeak = this.clockEntriesPeak;
    copy.sentBeforeDurable.push(...this.sentBeforeDurable);
    copy.messagesChecked = this.messagesChecked;
    for (const [node, dataIds] of this.removedData) copy.removedData.set(node, new Set(dataIds));
    return copy;
  }

  committed(node: number, key: string, record: StoredRecord, at: number): void {
    const { siblings } = record;
    this.siblingsPeak = Math.max(this.siblingsPeak, siblings.length);
    const held: number[] = [];
    for (const version of siblings) {
      this.clockEntriesPeak = Math.max(this.clockEntriesPeak, version.clock.length);
      this.noteDot(node, key, version, at);
      if (version.value === null) {
        if (!this.tombstones.has(key)) this.tombstones.set(key, at);
        continue;
      }
      const writer = this.history.writerOf(version.value);
      if (writer === undefined) this.foreign.push({ key, value: version.value, node });
      else {
        held.push(writer);
        this.noteCommit(writer, node, at);
        this.noteWriter(writer, version);
      }
    }
    let nodes = this.holdings.get(key);
    if (nodes === undefined) this.holdings.set(key, nodes = new Map());
    nodes.set(node, held);
  }

  destroyed(node: number, key: string, how: Destroyed, at: number): void {
    if (this.destructions.length < DESTRUCTIONS_MAX) {
      this.destructions.push({ node, key, how, at });
    }
    const nodes = this.holdings.get(key);
    const lost = nodes?.get(node) ?? [];
    nodes?.delete(node);
    const left = [...(nodes?.values() ?? [])].flat();
    // The lost write may have replaced older versions, and only here.
    const alive = (id: number) =>
      left.some((each) => each === id || hadSeen(this.history, each, id));
    for (const id of withPast(this.history, lost)) {
      if (!alive(id)) this.excused.add(id);
    }
  }

  removed(node: number, key: string): void {
    this.holdings.get(key)?.delete(node);
  }

  /** A node sent state. `notDurable` names the part that was not on its disk; null if all of it was. */
  stateSent(node: number, notDurable: string | null, at: number): void {
    this.messagesChecked++;
    if (notDurable !== null && this.sentBeforeDurable.length < SENT_BEFORE_DURABLE_MAX) {
      this.sentBeforeDurable.push({ node, what: notDurable, at });
    }
  }

  removalStarted(node: number, dataId: string): void {
    const dataIds = this.removedData.get(node) ?? new Set();
    this.removedData.set(node, dataIds.add(dataId));
  }

  removalFailed(node: number, dataId: string): void {
    this.removedData.get(node)?.delete(dataId);
  }

  /** When the write first became durable on the node; undefined if it never did. */
  committedAt(write: number, node: number): number | undefined {
    return this.firstCommit.get(write)?.get(node);
  }

  /** Whether the write ever became durable on any node. */
  surfaced(write: number): boolean {
    return this.firstCommit.has(write);
  }

  private noteCommit(write: number, node: number, at: number): void {
    let nodes = this.firstCommit.get(write);
    if (nodes === undefined) this.firstCommit.set(write, nodes = new Map());
    if (!nodes.has(node)) nodes.set(node, at);
  }

  private noteWriter(write: number, { dot: [actor, counter] }: Version): void {
    const dot = `(${actor}, ${counter})`;
    const known = this.dotOf.get(write);
    if (known === undefined) this.dotOf.set(write, dot);
    else if (known !== dot) this.appliedTwice.set(write, [known, dot]);
  }

  private noteDot(node: number, key: string, version: Version, at: number): void {
    const [actor, counter] = version.dot;
    const dot = `${key}\n${actor}\n${counter}`;
    const meaning = version.value ?? `a tombstone of ${version.stampUs} µs`;
    const known = this.dots.get(dot);
    if (known === undefined) this.dots.set(dot, meaning);
    else if (known !== meaning && this.clashes.length < CLASHES_MAX) {
      const name = `(${actor}, ${counter})`;
      this.clashes.push({ key, dot: name, node, at, first: known, second: meaning });
    }
  }
}
