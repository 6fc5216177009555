/**
 * Group commit: one commit is in flight at a time, and the writes that arrive meanwhile form the next.
 *
 * A commit costs one fsync, whatever its size. So under load the disk limits the number of commits and
 * not the number of writes. Writes take effect in the order of submission. If several writes of one
 * commit change the same address, the last one wins and all are acknowledged.
 */
import { storageErrorOf } from "./kv_errors.ts";
import type { KvTable } from "./kv_table.ts";
import type { Address } from "./record_address.ts";
import { StorageError } from "./storage.ts";

// Deno KV allows 1,000 mutations, 800 KiB and 80 KiB of keys in a commit: stay below.
const MUTATIONS_MAX = 900;
const BYTES_MAX = 700 * 1_024;
const MUTATION_BYTES = 80;
const QUEUED_BYTES_MAX = 256 * 1_048_576;

/** The changes of one commit. */
export class Batch {
  /** Null deletes. */
  readonly changes = new Map<Address, Uint8Array | null>();
  /** The chunk sets of the documents once this batch is durable; null for a document without one. */
  readonly sets = new Map<Address, ChunkSet | null>();
}

/** The chunks of a large document. */
export interface ChunkSet {
  readonly id: string;
  readonly chunks: number;
}

/** Changes that one commit makes durable together. */
export interface Write {
  /** The most bytes that it adds to a commit. */
  readonly bytes: number;
  /** The most mutations that it adds to a commit. */
  readonly mutations: number;
  /** Adds its changes to the batch. All earlier writes are durable or in the same batch. */
  stage(batch: Batch): void;
  /** Called when the batch is durable, in the order of the writes, before any of them resolves. */
  committed?(): void;
}

/** A sequence of writes. Each one is made only if the earlier ones became durable. */
interface WriteSequence {
  readonly last: Write;
  failure: StorageError | null;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

interface QueuedWrite {
  readonly write: Write;
  readonly sequence: WriteSequence;
}

export class KvWriter {
  #queue: QueuedWrite[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | null = null;
  #closed = false;
  #commits = 0;

  constructor(readonly table: KvTable, readonly failed: (error: StorageError) => void) {}

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get commits(): number {
    return this.#commits;
  }

  /** Resolves once all are durable. Rejects with {@link StorageError} if the last one is not. */
  submit(...writes: readonly [...Write[], Write]): Promise<void> {
    const bytes = writes.reduce((sum, write) => sum + write.bytes, 0);
    if (this.#closed) return Promise.reject(new StorageError("closed", "The store is closed"));
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > QUEUED_BYTES_MAX) {
      const message =
        `The store is overloaded: at most ${QUEUED_BYTES_MAX} bytes may wait for the ` +
        `disk, and ${this.#queuedBytes} bytes do`;
      return Promise.reject(new StorageError("overloaded", message));
    }
    this.#queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      const last = writes[writes.length - 1] as Write;
      const sequence: WriteSequence = { last, failure: null, resolve, reject };
      for (const write of writes) this.#queue.push({ write, sequence });
      // Starts in a microtask, so that the first commit has all writes that the caller submits now.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Finishes the submitted writes and refuses later ones. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = new Batch();
      const taken = this.#take(batch);
      try {
        await this.table.commit(batch.changes);
        if (batch.changes.size > 0) this.#commits++;
        for (const { write } of taken) write.committed?.();
        for (const { write, sequence } of taken) if (write === sequence.last) sequence.resolve();
      } catch (error) {
        const failure = storageErrorOf(error);
        for (const { sequence } of taken) sequence.reject(sequence.failure = failure);
        this.failed(failure);
      }
      for (const { write } of taken) this.#queuedBytes -= write.bytes;
    }
    this.#running = null;
  }

  /** Moves writes from the queue to the batch until the batch is full. */
  #take(batch: Batch): QueuedWrite[] {
    const taken: QueuedWrite[] = [];
    let bytes = 0;
    let mutations = 0;
    let next = 0;
    for (; next < this.#queue.length; next++) {
      const queued = this.#queue[next] as QueuedWrite;
      const { write, sequence } = queued;
      bytes += write.bytes + MUTATION_BYTES * write.mutations;
      mutations += write.mutations;
      if (taken.length > 0 && (bytes > BYTES_MAX || mutations > MUTATIONS_MAX)) break;
      if (sequence.failure === null) {
        write.stage(batch);
        taken.push(queued);
      } else {
        this.#queuedBytes -= write.bytes;
      }
    }
    this.#queue = this.#queue.slice(next);
    return taken;
  }
}
