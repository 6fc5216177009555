/**
 * The conformance tests of record stores with the simulator's disk. Results in virtual time apply to
 * real disks only if both give the same guarantees.
 */
import type { DiskState } from "../lib/dynamo/types/boot.ts";
import { parseDistribution } from "../lib/random/latency.ts";
import { SeededRandom } from "../lib/random/seeded.ts";
import {
  type DiskAnswer,
  type DiskOperation,
  type DiskRequest,
  SimulatedDisk,
} from "../lib/simulation/world/disk.ts";
import { StorageError } from "../nodes/storage/storage.ts";
import { storageConformance } from "../nodes/storage/testing/conformance.ts";
import type {
  ConformingStore,
  StorageUnderTest,
} from "../nodes/storage/testing/storage_under_test.ts";

const NO_OBSERVER = { committed: () => {}, destroyed: () => {}, removed: () => {} };

/** A simulated disk, with the metadata that its host stores separately. */
class Drive implements StorageUnderTest {
  disk = new SimulatedDisk(
    parseDistribution("0"),
    parseDistribution("0"),
    SeededRandom.from("conformance"),
  );
  documents = new Map<string, string>();
  private boots = 0;
  private wipes = 0;

  open(): Promise<DriveStore> {
    this.boots++;
    const { writes = 0, ...opening } = this.disk.boot(this.boots);
    return Promise.resolve(new DriveStore(this, { ...opening, writes }));
  }

  crash(store: ConformingStore): Promise<void> {
    (store as DriveStore).cutOff();
    return Promise.resolve();
  }

  wipe(): Promise<void> {
    this.wipes++;
    this.disk.wipe(`d${this.wipes + 1}`, NO_OBSERVER);
    this.documents.clear();
    return Promise.resolve();
  }

  copy(): Promise<() => Promise<void>> {
    const [disk, documents] = [this.disk.clone(), new Map(this.documents)];
    return Promise.resolve(() => {
      this.disk = disk.clone();
      this.documents = new Map(documents);
      return Promise.resolve();
    });
  }

  corrupt(key: string, position: string): Promise<void> {
    this.disk.damage(key, position, NO_OBSERVER);
    return Promise.resolve();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }
}

type Unnumbered<T> = T extends DiskRequest ? Omit<T, "id"> : never;

/** The disk as a {@link ConformingStore}: operations begin at once and end later, in order. */
class DriveStore implements ConformingStore {
  private nextId = 0;
  private state: "open" | "closed" | "cut off" = "open";
  private readonly inProgress = new Map<
    number,
    PromiseWithResolvers<DiskAnswer> & { readonly operation: DiskOperation }
  >();

  constructor(private readonly drive: Drive, readonly opening: ConformingStore["opening"]) {}

  get dataId() {
    return this.opening.dataId;
  }

  get incarnation() {
    return this.opening.incarnation;
  }

  get condition() {
    return this.drive.disk.state?.condition;
  }

  get writes() {
    return this.drive.disk.writes;
  }

  async saveDiskState(state: DiskState) {
    await this.ask({ kind: "save-disk-state", state });
  }

  async load(key: string, position: string) {
    const answer = await this.ask({ kind: "load", key, position });
    if (answer.kind !== "loaded") throw new Error(`A load answered '${answer.kind}'`);
    return answer.record;
  }

  async store(...[record, position, hints]: Parameters<ConformingStore["store"]>) {
    await this.ask({ kind: "store", record, position, ...(hints === undefined ? {} : { hints }) });
  }

  async delete(...[key, position, hints]: Parameters<ConformingStore["delete"]>) {
    await this.ask({ kind: "remove", key, position, ...(hints === undefined ? {} : { hints }) });
  }

  async scan({ from, to, after, limit }: Parameters<ConformingStore["scan"]>[0]) {
    const ends = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    const answer = await this.ask({ kind: "scan", ...ends, after: after ?? null, limit });
    if (answer.kind !== "scanned") throw new Error(`A scan answered '${answer.kind}'`);
    const { disk } = this.drive;
    const unreadable = [...disk.keys()].filter((key) => disk.peek(key) === null)
      .map((key) => ({ key, position: disk.positionOf(key), reason: "damaged" }));
    const records = answer.records.map((record) => ({
      record,
      position: disk.positionOf(record.key),
    }));
    return { records, unreadable, next: answer.next };
  }

  async scanHints(...[target, { after, limit }]: Parameters<ConformingStore["scanHints"]>) {
    const answer = await this.ask({ kind: "scan-hints", target, after: after ?? null, limit });
    if (answer.kind !== "hints-scanned") throw new Error(`A scan answered '${answer.kind}'`);
    return answer.places;
  }

  hintCounts() {
    return new Map(this.drive.disk.hintCounts());
  }

  count() {
    return this.drive.disk.size;
  }

  readMeta(name: string) {
    const document = this.drive.documents.get(name);
    return Promise.resolve(document === undefined ? undefined : JSON.parse(document));
  }

  writeMeta(name: string, json: unknown) {
    this.drive.documents.set(name, JSON.stringify(json));
    return Promise.resolve();
  }

  async close() {
    if (this.state === "open") this.state = "closed";
    await Promise.allSettled([...this.inProgress.values()].map(({ promise }) => promise));
  }

  /** A crash: operations in progress may have happened or not, and all of them reject. */
  cutOff(): void {
    this.state = "cut off";
    const operations = [...this.inProgress.values()].map(({ operation }) => operation);
    this.drive.disk.interrupt(operations, 0, NO_OBSERVER);
    for (const { reject } of this.inProgress.values()) reject(new StorageError("io", "cut off"));
    this.inProgress.clear();
  }

  private ask(request: Unnumbered<DiskRequest>): Promise<DiskAnswer> {
    if (this.state !== "open") {
      return Promise.reject(new StorageError("closed", "The store is closed"));
    }
    const id = ++this.nextId;
    const operation = this.drive.disk.begin({ ...request, id } as DiskRequest);
    const answer = Promise.withResolvers<DiskAnswer>();
    this.inProgress.set(id, { ...answer, operation });
    setTimeout(() => {
      if (this.state === "cut off") return;
      this.inProgress.delete(id);
      const result = this.drive.disk.finish(operation, NO_OBSERVER);
      if (result.kind !== "storage-failed") answer.resolve(result);
      else answer.reject(new StorageError(result.unreadable ? "unreadable" : "io", result.reason));
    });
    return answer.promise;
  }
}

storageConformance("the simulated disk", () => Promise.resolve(new Drive()));
