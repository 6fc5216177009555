/**
 * The speed of one node's storage, without network or protocol: stores of 100-byte values under
 * random keys while the store grows, with several numbers in flight, then loads and memory.
 *
 *     deno run -A cli/bench/storage.ts [--keys 100000] [--seconds 3] [--dir DIR]
 *
 * The number of stores in flight matters for group commit: they can share one commit.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import type { StoredRecord } from "../../lib/dynamo/types/records.ts";
import { openStorage } from "../../nodes/storage/open_storage.ts";
import type { RecordStore } from "../../nodes/storage/storage.ts";

const VALUE = new Uint8Array(100).fill(120).toBase64();

function recordFor(key: string, counter: number): StoredRecord {
  return {
    key,
    siblings: [{
      value: VALUE,
      contentType: "application/octet-stream",
      dot: ["n1.k3j9x0ab.1", counter],
      clock: counter === 1 ? [] : [["n1.k3j9x0ab.1", counter - 1]],
      stampUs: 1_700_000_000_000_000 + counter,
    }],
    actor: "n1.k3j9x0ab.1",
  };
}

/** Keeps `inFlight` calls in flight until `more` returns false. Returns calls per second. */
async function rate(inFlight: number, more: () => boolean, call: () => Promise<unknown>) {
  let calls = 0;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (more()) {
      await call();
      calls++;
    }
  }));
  return Math.round(calls / (performance.now() - startedAt) * 1_000);
}

async function benchStores(store: RecordStore, keys: number, seconds: number): Promise<void> {
  let next = 0;
  const filled = await rate(64, () => next < keys, () => {
    const key = `key-${next++}`;
    return store.store(recordFor(key, 1), positionOf(key));
  });
  console.log(`new keys, up to ${keys}: ${filled} stores/s, 64 in flight`);
  for (const inFlight of [1, 10, 64, 256]) {
    const before = store.stats();
    const cpu = process.cpuUsage();
    const until = performance.now() + seconds * 1_000;
    const stores = await rate(inFlight, () => performance.now() < until, () => {
      const key = `key-${Math.floor(Math.random() * keys)}`;
      return store.store(recordFor(key, 2), positionOf(key));
    });
    const { commits, writes } = store.stats();
    const written = writes - before.writes;
    const batch = written / (commits - before.commits);
    const { user, system } = process.cpuUsage(cpu);
    const cpuEach = (user + system) / written;
    console.log(
      `${inFlight} in flight: ${stores} stores/s, ${batch.toFixed(1)} a commit, ` +
        `${cpuEach.toFixed(0)} µs of processor each`,
    );
  }
}

async function benchLoads(store: RecordStore, keys: number, seconds: number): Promise<void> {
  const loads = async (what: string, keyOf: () => string) => {
    const until = performance.now() + seconds * 1_000;
    const loads = await rate(64, () => performance.now() < until, () => {
      const key = keyOf();
      return store.load(key, positionOf(key));
    });
    console.log(`${what}: ${loads} loads/s`);
  };
  await loads("absent keys", () => `absent-${Math.floor(Math.random() * keys)}`);
  await loads("hot keys", () => `key-${Math.floor(Math.random() * 100)}`);
  await loads("any key", () => `key-${Math.floor(Math.random() * keys)}`);
  const startedAt = performance.now();
  for (let after = null, done = false; !done;) {
    const page = await store.scan(after === null ? { limit: 500 } : { limit: 500, after });
    after = page.next;
    done = after === null;
  }
  const scanned = keys / (performance.now() - startedAt) * 1_000;
  console.log(`scan: ${Math.round(scanned)} records/s`);
}

function memory(): string {
  const { rss, heapUsed } = Deno.memoryUsage();
  return `${rss >> 20} MiB resident, ${heapUsed >> 20} MiB of heap`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      keys: { type: "string", default: "100000" },
      seconds: { type: "string", default: "3" },
      dir: { type: "string" },
    },
  });
  const keys = Number(values.keys);
  const seconds = Number(values.seconds);
  const directory = await Deno.makeTempDir(values.dir === undefined ? {} : { dir: values.dir });
  const location = `${directory}/node.sqlite3`;
  let store = await openStorage({ location, report: console.error });
  await benchStores(store, keys, seconds);
  console.log(`with ${keys} keys: ${memory()}`);
  const closingAt = performance.now();
  await store.close();
  const openingAt = performance.now();
  store = await openStorage({ location, report: console.error });
  console.log(
    `closed in ${Math.round(openingAt - closingAt)} ms, opened in ${
      Math.round(performance.now() - openingAt)
    } ms, ${store.count()} keys, ${(store.stats().bytesOnDisk ?? 0) >> 20} MiB on disk`,
  );
  await benchLoads(store, keys, seconds);
  console.log(`at the end: ${memory()}`);
  await store.close();
  await Deno.remove(directory, { recursive: true });
}
