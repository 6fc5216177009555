/**
 * A workload on real processes, over HTTP and the wall clock. Every operation asks a random node, over a
 * context that the session last saw of the key.
 */
import type { ClusterConfig } from "../../dynamo/types/config.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { PointContext } from "../experiment.ts";
import { type KeyChooser, keyChooser } from "../workload/keys.ts";
import {
  type Mix,
  modified,
  type Operation,
  type RequestOutcome,
  runWorkload,
  Tally,
  valueOf,
} from "../workload/workload.ts";
import type { Tallies, WorkloadPlan } from "../workload/workload_plan.ts";
import type { LiveCluster } from "./live_cluster.ts";
import { type LiveDone, liveGet, livePut, liveUpdate } from "./live_requests.ts";

const FILLERS = 16;

/** Starts a cluster, runs the workload on it, and ends it. Rejects when the context's signal comes. */
export async function liveWorkload(
  plan: WorkloadPlan,
  config: Partial<ClusterConfig>,
  { launch, random, seed, signal, onProgress }: PointContext,
): Promise<Tallies> {
  if (launch === undefined) throw new Error("the live engine needs a launcher");
  const { nodes, latency, quorums } = plan;
  const cluster = await launch({
    nodes,
    latency,
    seed: `${seed}`,
    config: { ...quorums, ...config },
  });
  try {
    const session = new Session(cluster, random.child("nodes"));
    const keys = keyChooser(plan.pattern, plan.keys);
    if (plan.fill) await fillKeys(session, plan, keys, signal);
    const tallies = new Map<Operation, Tally>();
    for (const [i, mix] of plan.phases.entries()) {
      const own = random.child(`phase ${i}`);
      await runPhase(session, plan, mix, keys, tallies, own, signal, (share) => {
        onProgress((i + share) / plan.phases.length);
      });
    }
    signal.throwIfAborted();
    return tallies;
  } finally {
    await cluster.close();
  }
}

async function runPhase(
  session: Session,
  { arrivals, operations: count, warmUp: warmup, valueBytes }: WorkloadPlan,
  mix: Mix,
  keys: KeyChooser,
  tallies: Map<Operation, Tally>,
  random: SeededRandom,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<void> {
  for (const { operation } of mix) tallies.set(operation, new Tally());
  await runWorkload({
    mix,
    arrivals,
    count,
    warmup,
    keys,
    valueBytes,
    random,
    signal,
    send: (operation, key, value) => session.perform(operation, key, value),
    onMeasured: (operation, outcome, ms) => tallies.get(operation)?.count(outcome, ms),
    onProgress: ({ attempted }) => onShare(attempted / count),
  });
}

async function fillKeys(
  session: Session,
  { keys: count, valueBytes }: WorkloadPlan,
  keys: KeyChooser,
  signal: AbortSignal,
): Promise<void> {
  let next = 0;
  const filler = async () => {
    while (next < count && !signal.aborted) {
      await session.perform("put", keys.name(next++), valueOf(next, valueBytes));
    }
  };
  await Promise.all(Array.from({ length: FILLERS }, filler));
}

class Session {
  private readonly contexts = new Map<string, string>();
  private readonly decoder = new TextDecoder();

  constructor(private readonly cluster: LiveCluster, private readonly random: SeededRandom) {}

  async perform(operation: Operation, key: string, value: Uint8Array): Promise<RequestOutcome> {
    const done = await this.send(operation, key, value);
    if (done.context !== null) this.contexts.set(key, done.context);
    return done.outcome;
  }

  private send(operation: Operation, key: string, value: Uint8Array): Promise<LiveDone> {
    const { nodes } = this.cluster;
    const url = nodes[Math.floor(this.random.float() * nodes.length)]?.url ?? "";
    const text = this.decoder.decode(value);
    switch (operation) {
      case "get":
        return liveGet(url, key);
      case "put":
      case "insert":
        // Over what was last seen of the key, or siblings would pile up.
        return livePut(url, key, text, this.contexts.get(key) ?? null);
      case "read-modify-write":
        return liveUpdate(url, key, (values) => modified(values, text));
    }
  }
}
