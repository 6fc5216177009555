/**
 * A process that a test kills. It stores records as fast as it can, and prints a line for each one that
 * is acknowledged. `kv_storage_crash_test.ts` runs it with the permissions of a node.
 *
 *     testing/crash_writer.ts FILE ROUND
 */
import { positionOf } from "../../../lib/dynamo/ring/position.ts";
import { openStorage } from "../open_storage.ts";
import { recordFor } from "./storage_under_test.ts";

const [location, round] = Deno.args;
if (location === undefined || round === undefined) throw new Error("FILE and ROUND are needed");
const store = await openStorage({ location });
const encoder = new TextEncoder();
let next = 0;

/** Overwrites a few hundred keys again and again. Every thirtieth value is stored in chunks. */
async function writeForever(): Promise<never> {
  for (;;) {
    const number = next++;
    const key = `key-${number * 7 % 400}`;
    const padding = "p".repeat(number % 30 === 0 ? 150_000 : number % 300);
    const value = `${round}:${number}:${padding}`;
    await store.store(recordFor(key, value), positionOf(key));
    Deno.stdout.writeSync(encoder.encode(`${key} ${round}:${number}\n`));
  }
}

await Promise.all(Array.from({ length: 40 }, writeForever));
