/**
 * Group commit: one atomic commit is in flight, and what arrives meanwhile leaves as the next.
 *
 * A commit costs one fsync however much it carries, so under load the disk sets the pace of commits
 * and not of writes. Writes take effect in the order in which they were submitted; where several in
 * one commit touch an address the last wins, and all are acknowledged.
 */
import { storageErrorOf } from "./kv_errors.ts";
import type { KvTable } from "./kv_table.ts";
import type { Address } from "./record_address.ts";
import { StorageError } from "./storage.ts";

// Deno KV refuses more than 1,000 mutations, 800 KiB and 80 KiB of keys a commit: stay below.
const MUTATIONS_MAX = 900;
const BYTES_MAX = 700 * 1_024;
const MUTATION_BYTES = 80;
const QUEUED_BYTES_MAX = 256 * 1_048_576;

/** What one commit changes. */
export class Batch {
  /** Null deletes. */
  readonly changes = new Map<Address, Uint8Array | null>();
  /** Chunk sets that documents have once this batch is durable, null where they have none. */
  readonly sets = new Map<Address, ChunkSet | null>();
}

/** The pieces of a large document. */
export interface ChunkSet {
  readonly id: string;
  readonly chunks: number;
}

/** Something to be made durable in one commit. */
export interface Write {
  /** What it adds to a commit, at most. */
  readonly bytes: number;
  readonly mutations: number;
  /** Adds its changes, when all earlier writes are durable or in this batch. */
  stage(batch: Batch): void;
  /** Its batch is durable. Called in the order of the writes, before any of them resolves. */
  committed?(): void;
}

/** Writes that follow each other, each only if those before it became durable. */
interface Job {
  readonly last: Write;
  failure: StorageError | null;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

interface Queued {
  readonly write: Write;
  readonly job: Job;
}

export class KvWriter {
  #queue: Queued[] = [];
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

  /** Resolves once all are durable; rejects with {@link StorageError}, and then the last is not. */
  submit(...writes: readonly [...Write[], Write]): Promise<void> {
    const bytes = writes.reduce((sum, write) => sum + write.bytes, 0);
    if (this.#closed) return Promise.reject(new StorageError("closed", "The store is closed"));
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > QUEUED_BYTES_MAX) {
      const message =
        `${this.#queuedBytes} bytes wait for the disk; at most ${QUEUED_BYTES_MAX} may`;
      return Promise.reject(new StorageError("overloaded", message));
    }
    this.#queuedBytes += bytes;
    return new Promise((resolve, reject) => {
      const last = writes[writes.length - 1] as Write;
      const job: Job = { last, failure: null, resolve, reject };
      for (const write of writes) this.#queue.push({ write, job });
      // A microtask later the caller has handed in all that one event brought.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Writes what was submitted, then takes no more. */
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
        for (const { write, job } of taken) if (write === job.last) job.resolve();
      } catch (error) {
        const failure = storageErrorOf(error);
        for (const { job } of taken) job.reject(job.failure = failure);
        this.failed(failure);
      }
      for (const { write } of taken) this.#queuedBytes -= write.bytes;
    }
    this.#running = null;
  }

  /** Moves writes from the queue to the batch until it is full. */
  #take(batch: Batch): Queued[] {
    const taken: Queued[] = [];
    let bytes = 0;
    let mutations = 0;
    let next = 0;
    for (; next < this.#queue.length; next++) {
      const queued = this.#queue[next] as Queued;
      const { write, job } = queued;
      bytes += write.bytes + MUTATION_BYTES * write.mutations;
      mutations += write.mutations;
      if (taken.length > 0 && (bytes > BYTES_MAX || mutations > MUTATIONS_MAX)) break;
      if (job.failure === null) {
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
