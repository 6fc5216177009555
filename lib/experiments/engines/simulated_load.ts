/**
 * Load on a simulated cluster: k clients in a closed loop, in virtual time. What `workload.ts` does over
 * real time, with the same outcomes and the same histograms.
 */
import type { RequestOptions } from "../../dynamo/types/client_messages.ts";
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { Tally } from "../workload/workload.ts";
import type { SimulatedCluster, Steps } from "./simulated_cluster.ts";

interface SimulatedLoad {
  readonly clients: number;
  /** Over all clients. */
  readonly operations: number;
  /** The share of gets, 0 … 1. */
  readonly gets: number;
  readonly key: (random: SeededRandom) => string;
  /** Which node is asked; undefined when there is none to ask. */
  readonly node: (key: string, random: SeededRandom) => string | undefined;
  readonly random: SeededRandom;
  /** Between two operations of a client, ms; nothing unless given. */
  readonly thinkMs?: (random: SeededRandom) => number;
  /** What an operation takes outside the cluster, such as a load balancer's hops, ms: waited and counted. */
  readonly extraMs?: () => number;
  readonly options?: RequestOptions;
  readonly valueBytes?: number;
  /** Ends the load early, however many operations are left. */
  readonly isOver?: () => boolean;
  readonly onProgress?: (share: number) => void;
}

interface LoadTallies {
  readonly get: Tally;
  readonly put: Tally;
}

/** Runs the load to its end; virtual time passes meanwhile. */
export function runSimulatedLoad(cluster: SimulatedCluster, load: SimulatedLoad): LoadTallies {
  const tallies = spawnLoad(cluster, load);
  cluster.run();
  return tallies;
}

/** Lets the clients begin; `cluster.run` makes them go on. */
export function spawnLoad(cluster: SimulatedCluster, load: SimulatedLoad): LoadTallies {
  const tallies = { get: new Tally(), put: new Tally() };
  const contexts = new Map<string, CausalContext>();
  let begun = 0;
  const value = btoa("x".repeat(load.valueBytes ?? 100));
  const every = Math.max(1, Math.floor(load.operations / 50));
  function* client(random: SeededRandom): Steps<void> {
    while (begun < load.operations && load.isOver?.() !== true) {
      if (++begun % every === 0) load.onProgress?.(begun / load.operations);
      const isGet = random.float() < load.gets;
      const key = load.key(random);
      const node = load.node(key, random);
      const extraMs = load.extraMs?.() ?? 0;
      if (extraMs > 0) yield* cluster.sleep(extraMs);
      if (node === undefined) tallies[isGet ? "get" : "put"].count("failed", 0);
      else if (isGet) {
        const { outcome, tookMs, context } = yield* cluster.get(node, key, load.options);
        tallies.get.count(outcome, tookMs + extraMs);
        if (context !== null) contexts.set(key, context);
      } else {
        // Over what was last seen of the key, or siblings would pile up.
        const context = contexts.get(key) ?? null;
        const done = yield* cluster.put(node, key, value, { ...load.options, context });
        tallies.put.count(done.outcome, done.tookMs + extraMs);
        if (done.context !== null) contexts.set(key, done.context);
      }
      if (load.thinkMs !== undefined) yield* cluster.sleep(load.thinkMs(random));
    }
  }
  for (let i = 0; i < load.clients; i++) {
    cluster.spawn(client(load.random.child(`client ${i}`)));
  }
  return tallies;
}
