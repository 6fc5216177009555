import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { withDirectory } from "../../tests/live_cluster.ts";
import { LOCK, MARK, sweep } from "./temporary_directories.ts";

/** Makes a directory as a killed launcher leaves it, with another mark or without a lock if asked. */
async function orphan(
  root: string,
  name: string,
  options: { readonly mark?: string; readonly lock?: false } = {},
): Promise<string> {
  const directory = join(root, name);
  await Deno.mkdir(join(directory, "n1"), { recursive: true });
  await Deno.writeTextFile(join(directory, "secret"), "s3cret");
  await Deno.writeTextFile(join(directory, "n1", "node.sqlite3.lock"), "");
  if (options.lock !== false) await Deno.writeTextFile(join(directory, LOCK), "4711\n");
  await Deno.writeTextFile(join(directory, MARK), options.mark ?? name);
  return directory;
}

async function namesIn(root: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(root))).map(({ name }) => name).toSorted();
}

Deno.test("directories of dead launchers are removed, even after an interrupted removal", async () => {
  await withDirectory(async (root) => {
    await orphan(root, "dynamo-a");
    await orphan(root, "dynamo-b-leaving", { mark: "dynamo-b" });
    await sweep(root);
    assert.deepEqual(await namesIn(root), []);
  });
});

Deno.test("a directory that may not be a dead launcher's is kept unchanged", async () => {
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

Deno.test("a root that cannot be read is skipped", async () => {
  await sweep("/nowhere/at/all");
});
