import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { positionOf } from "../../lib/dynamo/ring/position.ts";
import { readLines } from "../cluster/text_lines.ts";
import { openStorage } from "./open_storage.ts";

const WRITER = fileURLToPath(new URL("./testing/crash_writer.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

Deno.test("storage: kill -9 at any moment loses nothing acknowledged", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const location = join(directory, "node.sqlite3");
    const acknowledged = new Map<string, readonly [round: number, number: number]>();
    // Some rounds follow each other without a clean stop, so they start with the journal of a killed
    // process.
    for (const [round, lines] of [1, 400, 3_000, 57, 1_500, 900].entries()) {
      const acks = await killedAfter(lines, location, round);
      assert.ok(acks.length >= lines, `round ${round}: ${acks.length} acknowledgements`);
      for (const { key, number } of acks) {
        const [lastRound, lastNumber] = acknowledged.get(key) ?? [-1, -1];
        if (round > lastRound || number > lastNumber) acknowledged.set(key, [round, number]);
      }
      if (round % 2 === 1) await verify(location, acknowledged);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

interface Ack {
  readonly key: string;
  readonly number: number;
}

/** Kills the writer after `lines` acknowledgements. Returns everything that it acknowledged. */
async function killedAfter(lines: number, location: string, round: number): Promise<Ack[]> {
  const directory = dirname(location);
  await using child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      `--config=${CONFIG}`,
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      WRITER,
      location,
      String(round),
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const acks: Ack[] = [];
  const stderr = new Response(child.stderr).text();
  await readLines(child.stdout, (line) => {
    const found = /^(key-\d+) \d+:(\d+)$/.exec(line);
    // The last line may be incomplete because of the kill.
    if (found === null) return;
    acks.push({ key: found[1] as string, number: Number(found[2]) });
    if (acks.length === lines) child.kill("SIGKILL");
  });
  await child.status;
  assert.equal(await stderr, "");
  return acks;
}

/** Every key holds its last acknowledged value, or a later one that is complete. */
async function verify(
  location: string,
  acknowledged: ReadonlyMap<string, readonly [round: number, number: number]>,
): Promise<void> {
  const store = await openStorage({ location });
  try {
    assert.ok(store.count() >= acknowledged.size);
    assert.equal(store.stats().unreadable, 0);
    for (const [key, [round, number]] of acknowledged) {
      const record = await store.load(key, positionOf(key));
      const [storedRound, storedNumber, padding] = record?.siblings[0]?.value?.split(":") ?? [];
      const stored = [Number(storedRound), Number(storedNumber)] as const;
      const later = stored[0] > round || (stored[0] === round && stored[1] >= number);
      assert.ok(later, `${key}: ${round}:${number} acknowledged, ${stored.join(":")} stored`);
      assert.equal(padding?.length, stored[1] % 30 === 0 ? 150_000 : stored[1] % 300);
    }
  } finally {
    await store.close();
  }
}
