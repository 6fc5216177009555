/** For tests: a ring of 32 equal partitions with N = 3. */
import { makeInitialRing } from "../lib/dynamo/ring/initial_ring.ts";
import { Ring } from "../lib/dynamo/ring/ring.ts";
import type { NodeId } from "../lib/dynamo/types/ids.ts";
import { SeededRandom } from "../lib/random/seeded.ts";

export function dealtRing(ids: readonly NodeId[]): Ring {
  const members = ids.map((id) => ({ id, weight: 1 }));
  const plan = {
    partitioning: "equal-partitions",
    partitions: 32,
    tokensPerNode: 8,
    n: 3,
  } as const;
  return new Ring(makeInitialRing(members, plan, SeededRandom.from(5)), 3);
}
