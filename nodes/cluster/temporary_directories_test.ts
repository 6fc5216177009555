import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { withDirectory } from "../../tests/live_cluster.ts";
import { LOCK, MARK, sweep } from "./temporary_directories.ts";

/** What a launcher that was killed leaves; `holds` says otherwise in one point each. */
async function orphan(
  root: string,
  name: string,
  holds: { readonly mark?: string; readonly lock?: false } = {},
): Promise<string> {
  const directory = join(root, name);
  await Deno.mkdir(join(directory, "n1"), { recursive: true });
  await Deno.writeTextFile(join(directory, "secret"), "s3cret");
  await Deno.writeTextFile(join(directory, "n1", "node.sqlite3.lock"), "");
  if (holds.lock !== false) await Deno.writeTextFile(join(directory, LOCK), "4711\n");
  await Deno.writeTextFile(join(directory, MARK), holds.mark ?? name);
  return directory;
}

async function namesIn(root: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(root))).map(({ name }) => name).toSorted();
}

Deno.test("what a dead launcher left is removed, also when its removal was cut short", async () => {
  await withDirectory(async (root) => {
    await orphan(root, "dynamo-a");
    await orphan(root, "dynamo-b-leaving", { mark: "dynamo-b" });
    await sweep(root);
    assert.deepEqual(await namesIn(root), []);
  });
});

Deno.test("what is not certainly a dead launcher's stays as it is", async () => {
  await withDirectory(async (root) => {
    const unmarked = await orphan(root, "dynamo-given");
    await Deno.remove(join(unmarked, MARK));
    await orphan(root, "dynamo-copy", { mark: "dynamo-original" });
    await orphan(root, "dynamo-lockless", { lock: false });
    await orphan(root, "results");
    await orphan(root, "elsewhere", { mark: "dynamo-link" });
    await Deno.symlink(join(root, "elsewhere"), join(root, "dynamo-link"));
    await Deno.writeTextFile(join(root, "dynamo-file"), "");
    const live = await orphan(root, "dynamo-live");
    const ending = await orphan(root, "dynamo-ending");
    const held = [join(live, LOCK), join(ending, "n1", "node.sqlite3.lock")].map((path) => {
      const file = Deno.openSync(path, { read: true, write: true });
      assert.equal(file.tryLockSync(true), true);
      return file;
    });
    const before = await namesIn(root);
    await sweep(root);
    assert.deepEqual(await namesIn(root), before);
    for (const directory of [live, ending, unmarked]) {
      assert.equal(await Deno.readTextFile(join(directory, "secret")), "s3cret");
    }
    for (const file of held) file.close();
    await sweep(root);
    const gone = [live, ending].map((directory) => basename(directory));
    assert.deepEqual(await namesIn(root), before.filter((name) => !gone.includes(name)));
  });
});

Deno.test("a place that cannot be looked at is left alone", async () => {
  await sweep("/nowhere/at/all");
});
