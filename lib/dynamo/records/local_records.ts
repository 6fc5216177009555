/**
 * A node's own records: reading them, and changing each by load, merge, store, one change of a key at
 * a time. Interleaved, two changes would both start from the same record and one would lose the
 * other's siblings.
 *
 * Changes that arrive while a key is busy wait, and are then applied together in one store: the
 * hotter the key, the fewer its commits. They are data, not callbacks, so the state can be cloned;
 * their outcomes are handed back as {@link StorageCompletion}s.
 */
import type { Outbox } from "../outbox.ts";
import { hexOf, recordDigest, type TreeHash } from "../repair/merkle.ts";
import { isWithin } from "../ring/ownership.ts";
import { type Position, positionOf } from "../ring/position.ts";
import type { DynamoError } from "../types/errors.ts";
import type { NodeId } from "../types/ids.ts";
import type { StoredRecord } from "../types/records.ts";
import { assert } from "../util/assert.ts";
import { IdTable } from "../util/id_table.ts";
import type { Actor } from "../versions/clock.ts";
import { merged, written } from "../versions/sound.ts";
import {
  contextOf,
  EMPTY_CONTEXT,
  sameSiblings,
  type Siblings,
  valuesOf,
  type Versioning,
  type Written,
} from "../versions/versions.ts";
import type { DiskLatency } from "./disk_latency.ts";
import { type HintBook, hintChange, hintOf, hintsBeyond, withHint, withoutHint } from "./hints.ts";
import type { Change, Read, StorageCompletion } from "./record_changes.ts";
import {
  type Applied,
  deliveredBy,
  idleWork,
  settle,
  settleBuffered,
  type Work,
} from "./record_work.ts";

/** Waiting changes of one key past which more are refused. */
const CHANGES_PER_KEY_MAX = 1_024;

/** Number of works past which idle ones are dropped. */
const WORKS_KEPT = 64;

const NO_SIBLINGS: Siblings = [];

/** The bounds past which a change is refused. */
interface RecordBounds {
  readonly siblingsMax: number;
  readonly siblingBytesMax: number;
  readonly hintsMax: number;
}

/** What changing a record needs to know of the node. */
interface RecordOwner {
  /** Draws an actor that was never used before: see `StoredRecord.actor`. */
  nextActor(): Actor;
  /**
   * Whether a record's actor may issue more dots: not where some of its dots may have been lost.
   */
  mayReuse(actor: Actor): boolean;
  /** Writes that were acknowledged from memory did not reach the disk. */
  onBufferLost(): void;
  /** Whether this node neither owns the key nor will own it by the plan. */
  isForeign(key: string): boolean;
  /** Whether it also never owned it: whatever is here is kept for others. */
  isStandInOnly(key: string): boolean;
  readonly hints: HintBook;
  readonly disk: DiskLatency;
  /** A record was committed (or removed, which leaves no siblings). */
  onCommitted(key: string, before: Siblings, after: Siblings): void;
  /** It is no longer known what the disk holds of the key. */
  onDoubt(key: string): void;
}

interface PendingRead {
  readonly key: string;
  readonly read: Read;
  /**
   * Siblings that were acknowledged from memory when the read began: the disk may not have them
   * yet.
   */
  readonly buffered: Siblings;
}

export class LocalRecords {
  private readonly reads = new IdTable<PendingRead>();
  /**
   * Idle ones too, up to a bound: dropping many at once is cheaper than one by one (`id_table.ts`).
   */
  private works = new Map<string, Work>();
  private worksMax = WORKS_KEPT;
  private worksBusy = 0;
  /** By the disk access that the work waits for. */
  private readonly workOf = new IdTable<Work>();

  constructor(
    private readonly versioning: Versioning,
    private readonly bounds: RecordBounds,
    private readonly owner: RecordOwner,
  ) {}

  /** Keys being changed and reads under way, for `/status` and the bounds checker. */
  get busy(): number {
    return this.reads.size + this.worksBusy;
  }

  /** Whether a key of the range is being changed. */
  isBusyWithin(start: Position, end: Position): boolean {
    for (const { key, phase } of this.works.values()) {
      if (phase !== "idle" && isWithin(positionOf(key), start, end)) return true;
    }
    return false;
  }

  /** Records that are being kept for another node and are not on the disk yet. */
  get hintsBeingStored(): number {
    let sum = 0;
    for (const { phase, waiting, applied } of this.works.values()) {
      if (phase === "idle") continue;
      for (const change of [...waiting, ...applied.map((each) => each.change)]) {
        if ("hintFor" in change && change.hintFor !== null) sum++;
      }
    }
    return sum;
  }

  read(key: string, read: Read, out: Outbox): void {
    const id = out.load(key, positionOf(key));
    const work = this.works.get(key);
    const buffered = work?.isBuffered === true ? work.record.siblings : NO_SIBLINGS;
    this.reads.set(id, { key, read, buffered });
    this.owner.disk.onStart(id, out.now);
  }

  /** Starts the change, or queues it behind those of the same key; false when the queue is full. */
  change(key: string, change: Change, out: Outbox): boolean {
    const work = this.works.get(key) ?? this.addWork(key);
    if (work.phase === "idle") {
      work.phase = "loading";
      this.worksBusy++;
      work.waiting = [change];
      this.workOf.set(out.load(key, work.position), work);
      return true;
    }
    if (work.waiting.length >= CHANGES_PER_KEY_MAX) return false;
    work.waiting.push(change);
    return true;
  }

  private addWork(key: string): Work {
    if (this.works.size >= this.worksMax) {
      const busy = new Map<string, Work>();
      for (const work of this.works.values()) if (work.phase !== "idle") busy.set(work.key, work);
      this.works = busy;
      this.worksMax = WORKS_KEPT + 2 * busy.size;
    }
    const work = idleWork(key);
    this.works.set(key, work);
    return work;
  }

  /** Ends the work on the key: the next change starts with a fresh load. */
  private end(work: Work): void {
    assert(work.phase !== "idle", "a change ends once", work.key);
    work.phase = "idle";
    work.record = { key: work.key, siblings: [] };
    work.stored = null;
    work.applied = [];
    work.isBuffered = false;
    work.waiting = [];
    this.worksBusy--;
  }

  onLoaded(id: number, record: StoredRecord | null, out: Outbox): StorageCompletion[] {
    this.owner.disk.onEnd(id, out.now);
    const waiting = this.reads.take(id);
    if (waiting !== undefined) {
      const { read, key, buffered } = waiting;
      return [{ kind: "read", read, key, record: this.withBuffered(key, record, buffered) }];
    }
    const work = this.takeWork(id, "loading");
    if (work === undefined) return [];
    if (record !== null) work.record = record;
    work.stored = work.record;
    return this.advance(work, out, []);
  }

  onStored(id: number, out: Outbox): StorageCompletion[] {
    this.owner.disk.onEnd(id, out.now);
    const work = this.takeWork(id, "storing");
    if (work === undefined) return [];
    assert(work.record === work.stored, "what is stored is what was applied", work.key);
    if (work.hints !== null) this.owner.hints.settleChange(work.hints, true);
    if (work.before === null) this.owner.onDoubt(work.key);
    else this.owner.onCommitted(work.key, work.before, work.record.siblings);
    return this.advance(work, out, settle(work));
  }

  onFailed(id: number, reason: string, unreadable: boolean, out: Outbox): StorageCompletion[] {
    const waiting = this.reads.take(id);
    if (waiting !== undefined) {
      const { key, read } = waiting;
      if (unreadable) this.owner.onDoubt(key);
      const failed: StorageCompletion = { kind: "read-failed", read, key, reason, unreadable };
      return unreadable ? [failed, { kind: "unreadable", key, reason }] : [failed];
    }
    const work = this.takeWork(id);
    if (work === undefined) return [];
    return work.phase === "loading"
      ? this.onLoadFailed(work, reason, unreadable, out)
      : this.onStoreFailed(work, reason, out);
  }

  private withBuffered(
    key: string,
    record: StoredRecord | null,
    buffered: Siblings,
  ): StoredRecord | null {
    if (buffered.length === 0) return record;
    const siblings = merged(this.versioning, record?.siblings ?? [], buffered);
    return { ...record, key, siblings };
  }

  private takeWork(id: number, phase?: Work["phase"]): Work | undefined {
    const work = this.workOf.get(id);
    if (work === undefined || (phase !== undefined && work.phase !== phase)) return undefined;
    return this.workOf.take(id);
  }

  /** Applies all waiting changes and stores the result if it differs. Ends when nothing waits. */
  private advance(work: Work, out: Outbox, completions: StorageCompletion[]): StorageCompletion[] {
    while (work.waiting.length > 0) {
      const before = work.record;
      const changes = work.waiting;
      work.waiting = [];
      work.applied = changes.map((change) => this.apply(work, change, out));
      if (work.record !== before) {
        this.save(work, before, out);
        completions.push(...settleBuffered(work));
        return completions;
      }
      completions.push(...settle(work));
    }
    this.end(work);
    return completions;
  }

  private save(work: Work, before: StoredRecord, out: Outbox): void {
    const { key, position, record } = work;
    const delivered = deliveredBy(work.applied);
    const hints = hintChange(before, record, delivered);
    work.hints = hints;
    if (hints !== null) this.owner.hints.expect(hints);
    const dropped = record.siblings.length === 0 && before.siblings.length > 0;
    const handedOver = delivered.length > 0 && delivered.length === work.applied.length &&
      record.hintFor === undefined && this.owner.isStandInOnly(key);
    const isOver = dropped || handedOver;
    if (isOver) work.record = { key, siblings: [] };
    work.isBuffered = false;
    work.before = before.siblings;
    work.phase = "storing";
    const id = isOver ? out.remove(key, position, hints) : out.store(record, position, hints);
    work.stored = work.record;
    this.workOf.set(id, work);
    this.owner.disk.onStart(id, out.now);
  }

  private apply(work: Work, change: Change, out: Outbox): Applied {
    switch (change.kind) {
      case "write":
        return this.applyWrite(work, change, out);
      case "merge":
      case "recover":
        return this.applyMerge(work, change, out);
      case "drop":
        if (isAgreedTombstone(work.record, change.digest)) {
          work.record = { key: work.key, siblings: [] };
        }
        return { change, context: null, refusal: null };
      case "let-go":
        if (this.owner.isForeign(work.key) && isSame(work.record, change.digest)) {
          work.record = { key: work.key, siblings: [] };
        }
        return { change, context: null, refusal: null };
      case "hint-done":
        // If the record has changed since it was sent, the target still lacks the rest.
        if (sameSiblings(work.record.siblings, change.siblings)) {
          work.record = withoutHint(work.record, change.target);
        }
        return { change, context: null, refusal: null };
    }
  }

  private applyMerge(
    work: Work,
    change: Change & { kind: "merge" | "recover" },
    out: Outbox,
  ): Applied {
    const hintFor = change.kind === "merge" ? change.hintFor : null;
    const refusal = this.hintRefusal(work, hintFor);
    if (refusal === null) {
      const siblings = merged(this.versioning, work.record.siblings, change.siblings);
      const record = sameSiblings(siblings, work.record.siblings)
        ? work.record
        : withSiblings(work.record, siblings, work.record.actor);
      work.record = hintFor === null ? record : withHint(record, hintFor, out.now);
    }
    return { change, context: null, refusal };
  }

  private applyWrite(work: Work, change: Change & { kind: "write" }, out: Outbox): Applied {
    const { record } = work;
    const actor = record.actor !== undefined && this.owner.mayReuse(record.actor)
      ? record.actor
      : this.owner.nextActor();
    const result = written(this.versioning, record.siblings, {
      actor,
      context: change.context ?? EMPTY_CONTEXT,
      value: change.value,
      contentType: change.contentType,
      nowUs: out.now,
    });
    const refusal = this.hintRefusal(work, change.hintFor) ??
      this.siblingRefusal(work.key, record.siblings, result);
    if (refusal !== null) return { change, context: null, refusal };
    const after = withSiblings(record, result.siblings, actor);
    work.record = change.hintFor === null ? after : withHint(after, change.hintFor, out.now);
    return { change, context: result.context, refusal: null };
  }

  /**
   * A hint past the bound is refused, so that none has to be dropped: the coordinator asks the next
   * node.
   */
  private hintRefusal({ key, record, stored }: Work, target: NodeId | null): DynamoError | null {
    if (target === null || hintOf(record, target) !== undefined) return null;
    // Changes that are applied together are stored together: the book does not count their hints
    // yet.
    const promised = hintsBeyond(stored, record);
    if (this.owner.hints.hasRoom(promised)) return null;
    return {
      code: "hints-full",
      message:
        `Cannot keep '${key}' for ${target}: this node holds ${this.bounds.hintsMax} hints, as many as it may`,
      definite: true,
    };
  }

  private siblingRefusal(key: string, before: Siblings, { siblings }: Written): DynamoError | null {
    const { siblingsMax, siblingBytesMax } = this.bounds;
    if (siblings.length <= before.length) return null;
    const bytes = siblings.length === 1
      ? 0
      : siblings.reduce((sum, version) => sum + (version.value?.length ?? 0), 0);
    if (siblings.length <= siblingsMax && bytes <= siblingBytesMax) return null;
    const bound = siblings.length > siblingsMax
      ? `at most ${siblingsMax} are kept, and this would be number ${siblings.length}`
      : `together they may have ${siblingBytesMax} bytes of base64, and this would make ${bytes}`;
    return {
      code: "too-many-siblings",
      message:
        `Too many siblings of '${key}': ${bound}. Read it, reconcile the values, and put the result with the context of that read`,
      definite: true,
      context: contextOf(before),
    };
  }

  private onLoadFailed(
    work: Work,
    reason: string,
    unreadable: boolean,
    out: Outbox,
  ): StorageCompletion[] {
    const recovery = unreadable ? work.waiting.findIndex((c) => c.kind === "recover") : -1;
    if (recovery >= 0) {
      // The actor is left out with the record that held it: the next write draws a new one.
      const change = work.waiting.splice(recovery, 1)[0] as Change & { kind: "recover" };
      work.record = { key: work.key, siblings: change.siblings };
      work.applied = [{ change, context: null, refusal: null }];
      this.save(work, work.record, out);
      work.before = null;
      return [];
    }
    const { waiting } = work;
    this.end(work);
    if (unreadable) this.owner.onDoubt(work.key);
    const failed = waiting.map((change): StorageCompletion => ({
      kind: "change-failed",
      change,
      key: work.key,
      error: {
        code: unreadable ? "record-damaged" : "storage-failed",
        message: `Cannot read '${work.key}': ${reason}`,
        definite: true,
      },
    }));
    return unreadable ? [...failed, { kind: "unreadable", key: work.key, reason }] : failed;
  }

  private onStoreFailed(work: Work, reason: string, out: Outbox): StorageCompletion[] {
    const { key, applied, waiting, isBuffered } = work;
    if (work.hints !== null) this.owner.hints.settleChange(work.hints, false);
    // Whether the disk has it is not known, so waiting changes start from a fresh load.
    this.end(work);
    if (isBuffered) this.owner.onBufferLost();
    this.owner.onDoubt(key);
    const failed = applied.map(({ change, refusal }): StorageCompletion => ({
      kind: "change-failed",
      change,
      key,
      error: refusal ??
        { code: "storage-failed", message: `Cannot store '${key}': ${reason}`, definite: false },
    }));
    for (const change of waiting) this.change(key, change, out);
    return failed;
  }
}

function withSiblings(
  { key, hintFor }: StoredRecord,
  siblings: Siblings,
  actor: Actor | undefined,
): StoredRecord {
  const record = actor === undefined ? { key, siblings } : { key, siblings, actor };
  return hintFor === undefined ? record : { ...record, hintFor };
}

/** Whether the record has nothing but tombstones and no hints. */
export function isDeleted({ siblings, hintFor }: StoredRecord): boolean {
  return siblings.length > 0 && valuesOf(siblings).length === 0 && hintFor === undefined;
}

/** Whether the record is still what was asked about and has no hints. */
function isSame(record: StoredRecord, digest: TreeHash): boolean {
  return record.hintFor === undefined &&
    hexOf(recordDigest(record.key, record.siblings)) === digest;
}

function isAgreedTombstone(record: StoredRecord, digest: TreeHash): boolean {
  return isDeleted(record) && hexOf(recordDigest(record.key, record.siblings)) === digest;
}
