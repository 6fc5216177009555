/**
 * Documents of any size over values of 64 KiB.
 *
 * A large one goes down in pieces first, a *chunk set* under a fresh name, and then its frame, which
 * names the set, replaces the old frame in one commit: a reader, or a crash, sees the old or the new
 * document, never half of one. A set that no frame refers to, not yet or no more, is listed as
 * *loose* in the same commits, so that what a crash leaves behind is found without looking at
 * every chunk.
 */
import type { KvTable } from "./kv_table.ts";
import type { Batch, ChunkSet, KvWriter, Write } from "./kv_writer.ts";
import { type Address, chunkAddress, looseSetAddress, newChunkSet } from "./record_address.ts";
import {
  chunkedFrame,
  cutIntoChunks,
  decodeText,
  type Frame,
  inlineFrame,
  joinChunks,
  type Manifest,
  readFrame,
  UnreadableFrame,
} from "./record_frame.ts";
import { StorageError } from "./storage.ts";

/** A commit takes 800 KiB: this many chunks stay below it. */
const CHUNKS_A_COMMIT = 10;
const DELETES_A_COMMIT = 400;
/** A document that is replaced more often than this while it is read is given up on. */
const READ_ATTEMPTS = 20;

export interface Document {
  readonly key: string;
  readonly json: string;
  /** What it takes in the database. */
  readonly bytes: number;
}

/** What else belongs to the commit of a document, and what follows it. */
export interface Companion {
  readonly mutations: number;
  stage(batch: Batch): void;
  committed(bytes: number): void;
}

export class KvDocuments {
  /** Which documents are in chunks. Few are: each is over 60 KiB. */
  readonly #sets = new Map<Address, ChunkSet>();

  constructor(readonly table: KvTable, readonly writer: KvWriter) {}

  /** Resolves once durable. */
  write(address: Address, key: string, json: string, companion?: Companion): Promise<void> {
    const frame = inlineFrame(address, key, json);
    if (frame !== null) {
      return this.writer.submit(this.#flip(address, frame, null, frame.length, companion));
    }
    const { manifest, chunks } = cutIntoChunks(json, newChunkSet());
    const set: ChunkSet = { id: manifest.set, chunks: chunks.length };
    const flipped = chunkedFrame(address, key, manifest);
    const flip = this.#flip(address, flipped, set, flipped.length + manifest.bytes, companion);
    return this.writer.submit(...chunkWrites(set, chunks), flip).catch((error: StorageError) => {
      // After any other failure the flip may have happened; the next opening knows.
      if (error.code === "full") this.#remove(set);
      throw error;
    });
  }

  delete(address: Address, companion?: Companion): Promise<void> {
    return this.writer.submit(this.#flip(address, null, null, 0, companion));
  }

  /** Null when absent. Throws {@link UnreadableFrame}, or what Deno KV throws. */
  async read(address: Address): Promise<Document | null> {
    const value = await this.table.get(address);
    return value === null ? null : await this.complete(address, value);
  }

  /** The document whose frame was just read at the address; null if it has been deleted since. */
  async complete(address: Address, value: unknown): Promise<Document | null> {
    let frame: Frame | null = readFrame(address, value);
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const { key, bytes } = frame;
      if ("json" in frame) return { key, json: decodeText(frame.json, key), bytes };
      const { manifest } = frame;
      const chunks = await this.#readChunks(manifest);
      if (chunks !== null) return { key, json: joinChunks(key, manifest, chunks), bytes };
      // A replacement removes the chunks of the old document: then there is another frame by now.
      const again = await this.table.get(address);
      if (again === null) return null;
      frame = readFrame(address, again);
      if ("manifest" in frame && frame.manifest.set === manifest.set) {
        throw new UnreadableFrame("one of its chunks is missing", key);
      }
    }
    throw new StorageError("io", "The record is replaced faster than it can be read");
  }

  /** Told of every frame when the store opens. */
  known(address: Address, frame: Frame): void {
    if ("manifest" in frame) {
      this.#sets.set(address, { id: frame.manifest.set, chunks: frame.manifest.chunks });
    }
  }

  /** Removes what no document refers to: the rest of writes and removals that a crash cut short. */
  async removeLooseSets(): Promise<number> {
    let chunks = 0;
    for await (const { address, value } of this.table.all("w")) {
      const set = looseSetOf(address, value);
      chunks += set.chunks;
      await this.#remove(set);
    }
    return chunks;
  }

  #flip(
    address: Address,
    frame: Uint8Array | null,
    set: ChunkSet | null,
    bytes: number,
    companion: Companion | undefined,
  ): Write {
    let replaced: ChunkSet | null | undefined;
    return {
      bytes: frame?.length ?? 0,
      mutations: 3 + (companion?.mutations ?? 0),
      stage: (batch) => {
        replaced = batch.sets.get(address);
        if (replaced === undefined) replaced = this.#sets.get(address);
        batch.changes.set(address, frame);
        batch.sets.set(address, set);
        if (replaced) batch.changes.set(looseSetAddress(replaced.id), countBytes(replaced.chunks));
        if (set) batch.changes.set(looseSetAddress(set.id), null);
        companion?.stage(batch);
      },
      committed: () => {
        if (set) this.#sets.set(address, set);
        else this.#sets.delete(address);
        if (replaced) this.#remove(replaced);
        companion?.committed(bytes);
      },
    };
  }

  /** Removes a loose set; what fails now is done when the store next opens. */
  #remove(set: ChunkSet): Promise<void> {
    const deletes: Address[] = [];
    for (let number = 0; number < set.chunks; number++) deletes.push(chunkAddress(set.id, number));
    deletes.push(looseSetAddress(set.id));
    const writes: Write[] = [];
    for (let at = 0; at < deletes.length; at += DELETES_A_COMMIT) {
      const some = deletes.slice(at, at + DELETES_A_COMMIT);
      writes.push({
        bytes: 0,
        mutations: some.length,
        stage: (batch) => some.forEach((address) => batch.changes.set(address, null)),
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

/** The writes that put a set's chunks down, and list it as loose until its frame follows. */
function chunkWrites(set: ChunkSet, chunks: readonly Uint8Array[]): Write[] {
  const writes: Write[] = [];
  for (let at = 0; at < chunks.length; at += CHUNKS_A_COMMIT) {
    const some = chunks.slice(at, at + CHUNKS_A_COMMIT);
    writes.push({
      bytes: some.reduce((sum, chunk) => sum + chunk.length, 0),
      mutations: some.length + 1,
      stage: (batch) => {
        if (at === 0) batch.changes.set(looseSetAddress(set.id), countBytes(set.chunks));
        some.forEach((chunk, i) => batch.changes.set(chunkAddress(set.id, at + i), chunk));
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

function looseSetOf(address: Address, value: unknown): ChunkSet {
  if (!(value instanceof Uint8Array) || value.length !== 4) {
    return { id: address.slice(1), chunks: 0 };
  }
  return {
    id: address.slice(1),
    chunks: new DataView(value.buffer, value.byteOffset).getUint32(0),
  };
}
