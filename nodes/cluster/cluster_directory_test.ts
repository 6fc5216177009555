import { equal, notEqual } from "node:assert/strict";
import { makeInitialRing } from "../../lib/dynamo/ring/initial_ring.ts";
import { clusterConfig } from "../../lib/dynamo/types/config.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { ClusterDirectory } from "./cluster_directory.ts";

function initialConfig(port: number): InitialClusterConfig {
  const config = clusterConfig({ n: 1, r: 1, w: 1 });
  const members = [{ id: "n1", url: `http://127.0.0.1:${port}`, weight: 1 }];
  return { config, members, ring: makeInitialRing(members, config, SeededRandom.from(1)) };
}

Deno.test("a start from data writes no file that stays the same", async () => {
  const path = await Deno.makeTempDir({ prefix: "dynamo-test-" });
  const file = `${path}/cluster.json`;
  const start = async (port: number) => {
    const directory = await ClusterDirectory.open(path);
    try {
      await directory.write(initialConfig(port));
    } finally {
      await directory.close();
    }
    // Writing puts a new file in the place of the old one.
    return (await Deno.stat(file)).ino;
  };
  try {
    const first = await start(9_101);
    equal(await start(9_101), first);
    notEqual(await start(9_102), first);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
