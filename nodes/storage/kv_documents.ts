/**
 * Documents of any size, stored in values of at most 64 KiB.
 *
 * A large document is split into chunks. The chunks are written first, as a *chunk set* with a new id.
 * Then one commit replaces the old frame by a frame that refers to the set. So a reader, or a restart
 * after a crash, sees the old or the new document, never a part of one. A set without a frame is listed
 * as *unreferenced* in the same commits. So the remains of a crash are found without reading every
 * chunk.
 */
import type { KvTable } from "./kv_table.ts";
import type { Batch, ChunkSet, KvWriter, Write } from "./kv_writer.ts";
import {
  type Address,
  chunkAddress,
  newChunkSet,
  unreferencedSetAddress,
} from "./record_address.ts";
import {
  chunkedFrame,
  decodeText,
  type Frame,
  inlineFrame,
  joinChunks,
  type Manifest,
  readFrame,
  splitIntoChunks,
  UnreadableFrame,
} from "./record_frame.ts";
import { StorageError } from "./storage.ts";

/** Deno KV allows 800 KiB in a commit. */
const CHUNKS_PER_COMMIT = 10;
const DELETES_PER_COMMIT = 400;
/** A read fails if the document is replaced more often than this while it is read. */
const READ_ATTEMPTS_MAX = 20;

export interface Document {
  readonly key: string;
  readonly json: string;
  /** Its size in the database. */
  readonly bytes: number;
}

/** Further changes in the commit of a document, and a callback after the commit. */
export interface CoupledChange {
  readonly mutations: number;
  stage(batch: Batch): void;
  committed(bytes: number): void;
}

export class KvDocuments {
  /** The chunk sets of the documents that are stored in chunks: few, since each is over 60 KiB. */
  readonly #sets = new Map<Address, ChunkSet>();

  constructor(readonly table: KvTable, readonly writer: KvWriter) {}

  /** Resolves once durable. */
  write(address: Address, key: string, json: string, coupled?: CoupledChange): Promise<void> {
    const frame = inlineFrame(address, key, json);
    if (frame !== null) {
      return this.writer.submit(this.#replace(address, frame, null, frame.length, coupled));
    }
    const { manifest, chunks } = splitIntoChunks(json, newChunkSet());
    const set: ChunkSet = { id: manifest.set, chunks: chunks.length };
    const frameOfSet = chunkedFrame(address, key, manifest);
    const bytes = frameOfSet.length + manifest.bytes;
    const last = this.#replace(address, frameOfSet, set, bytes, coupled);
    return this.writer.submit(...chunkWrites(set, chunks), last).catch((error: StorageError) => {
      // After any other failure the frame may have been replaced; the next opening finds out.
      if (error.code === "full") this.#remove(set);
      throw error;
    });
  }

  delete(address: Address, coupled?: CoupledChange): Promise<void> {
    return this.writer.submit(this.#replace(address, null, null, 0, coupled));
  }

  /** Null if absent. Throws {@link UnreadableFrame}, or any error of Deno KV. */
  async read(address: Address): Promise<Document | null> {
    const value = await this.table.get(address);
    return value === null ? null : await this.complete(address, value);
  }

  /** The document of a frame that was just read; null if it has been deleted since. */
  async complete(address: Address, value: unknown): Promise<Document | null> {
    let frame: Frame | null = readFrame(address, value);
    for (let attempt = 0; attempt < READ_ATTEMPTS_MAX; attempt++) {
      const { key, bytes } = frame;
      if ("json" in frame) return { key, json: decodeText(frame.json, key), bytes };
      const { manifest } = frame;
      const chunks = await this.#readChunks(manifest);
      if (chunks !== null) return { key, json: joinChunks(key, manifest, chunks), bytes };
      // Chunks are missing when the document has been replaced meanwhile; then there is a new frame.
      const again = await this.table.get(address);
      if (again === null) return null;
      frame = readFrame(address, again);
      if ("manifest" in frame && frame.manifest.set === manifest.set) {
        throw new UnreadableFrame("one of its chunks is missing", key);
      }
    }
    throw new StorageError(
      "io",
      `Cannot read the record: it was replaced during each of ${READ_ATTEMPTS_MAX} attempts`,
    );
  }

  /** Registers a frame that was found when the store was opened. */
  register(address: Address, frame: Frame): void {
    if ("manifest" in frame) {
      this.#sets.set(address, { id: frame.manifest.set, chunks: frame.manifest.chunks });
    }
  }

  /** Removes the chunk sets of writes and removals that a crash interrupted. Returns their chunks. */
  async removeUnreferencedSets(): Promise<number> {
    let chunks = 0;
    for await (const { address, value } of this.table.all("w")) {
      const set = unreferencedSetOf(address, value);
      chunks += set.chunks;
      await this.#remove(set);
    }
    return chunks;
  }

  #replace(
    address: Address,
    frame: Uint8Array | null,
    set: ChunkSet | null,
    bytes: number,
    coupled: CoupledChange | undefined,
  ): Write {
    let replaced: ChunkSet | null | undefined;
    return {
      bytes: frame?.length ?? 0,
      mutations: 3 + (coupled?.mutations ?? 0),
      stage: (batch) => {
        replaced = batch.sets.get(address);
        if (replaced === undefined) replaced = this.#sets.get(address);
        batch.changes.set(address, frame);
        batch.sets.set(address, set);
        if (replaced) {
          batch.changes.set(unreferencedSetAddress(replaced.id), countBytes(replaced.chunks));
        }
        if (set) batch.changes.set(unreferencedSetAddress(set.id), null);
        coupled?.stage(batch);
      },
      committed: () => {
        if (set) this.#sets.set(address, set);
        else this.#sets.delete(address);
        if (replaced) this.#remove(replaced);
        coupled?.committed(bytes);
      },
    };
  }

  /** Removes an unreferenced set. If that fails, the next opening of the store removes it. */
  #remove(set: ChunkSet): Promise<void> {
    const deletes: Address[] = [];
    for (let number = 0; number < set.chunks; number++) deletes.push(chunkAddress(set.id, number));
    deletes.push(unreferencedSetAddress(set.id));
    const writes: Write[] = [];
    for (let at = 0; at < deletes.length; at += DELETES_PER_COMMIT) {
      const slice = deletes.slice(at, at + DELETES_PER_COMMIT);
      writes.push({
        bytes: 0,
        mutations: slice.length,
        stage: (batch) => slice.forEach((address) => batch.changes.set(address, null)),
      });
    }
    return this.writer.submit(...writes as [...Write[], Write]).catch(() => {});
  }

  async #readChunks({ set, chunks }: Manifest): Promise<Uint8Array[] | null> {
    const addresses = Array.from({ length: chunks }, (_, number) => chunkAddress(set, number));
    const values = await this.table.getDirect(addresses);
    return values.every((value) => value instanceof Uint8Array) ? values : null;
  }
}

/** The writes of a set's chunks. They also list the set as unreferenced until its frame is written. */
function chunkWrites(set: ChunkSet, chunks: readonly Uint8Array[]): Write[] {
  const writes: Write[] = [];
  for (let at = 0; at < chunks.length; at += CHUNKS_PER_COMMIT) {
    const slice = chunks.slice(at, at + CHUNKS_PER_COMMIT);
    writes.push({
      bytes: slice.reduce((sum, chunk) => sum + chunk.length, 0),
      mutations: slice.length + 1,
      stage: (batch) => {
        if (at === 0) batch.changes.set(unreferencedSetAddress(set.id), countBytes(set.chunks));
        slice.forEach((chunk, i) => batch.changes.set(chunkAddress(set.id, at + i), chunk));
      },
    });
  }
  return writes;
}

function countBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, count);
  return bytes;
}

function unreferencedSetOf(address: Address, value: unknown): ChunkSet {
  if (!(value instanceof Uint8Array) || value.length !== 4) {
    return { id: address.slice(1), chunks: 0 };
  }
  return {
    id: address.slice(1),
    chunks: new DataView(value.buffer, value.byteOffset).getUint32(0),
  };
}
