/**
 * A sweep over quorums and other settings, with several seeds each, under the same mix of load and
 * failures. A configuration is on the *Pareto front* when no other is better in one of p99,
 * staleness and availability without being worse in another.
 */
import type { SeededRandom } from "../../random/seeded.ts";
import { repairConfig, REPAIRS } from "../engines/repairs.ts";
import type { SimulatedCluster, Steps } from "../engines/simulated_cluster.ts";
import { crash, liveNode, NOTICED_MS, resilientCluster } from "../engines/simulated_outage.ts";
import {
  checkAtLeast,
  checkThat,
  defineExperiment,
  numberIn,
  rounded,
  type Row,
} from "../experiment.ts";
import {
  choices,
  decimal,
  integer,
  integers,
  latency,
  ParameterError,
  quorums,
  quorumsOf,
} from "../parameters.ts";
import { LatencyRecorder } from "../stats/histogram.ts";
import { type Judged, pLatestByAge, StalenessHistory, summarise } from "../stats/staleness.ts";

const NODES = 6;
const KEYS = 40;
/** The starts of the bins for the ages of reads, ms. */
const AGES_MS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500];
/** The two-sided 95% quantiles of Student's t, from 1 degree of freedom. */
const STUDENT: readonly number[] = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];
const NORMAL = 1.96;

export const TUNING = defineExperiment({
  name: "tuning",
  title: "Latency, staleness and availability",
  question:
    "Which R, W, patience and repair are the best trade-offs of latency, staleness and availability?",
  reproduces:
    "no published figures: Dynamo (SOSP 2007), section 6 describes the settings and leaves the choice to the application",
  engines: ["simulated"],
  parameters: {
    quorums: quorums({
      default: ["3/1/1", "3/1/2", "3/2/1", "3/2/2", "3/1/3", "3/3/1"],
      about: "N/R/W",
    }),
    patienceMs: integers({
      default: [20, 200],
      least: 1,
      most: 60_000,
      about: "how long a replica may be silent before it is passed over",
    }),
    repairs: choices(REPAIRS, {
      default: ["none", "all"],
      about: "which background repair is on",
    }),
    seeds: integer({ default: 5, least: 2, most: 1_000, about: "runs of each configuration" }),
    latency: latency({ default: "LNKD-DISK;other=exp(2)", about: "of messages between nodes" }),
    failuresPerSecond: decimal({
      default: 1,
      least: 0,
      most: 100,
      about: "failures per second, over all nodes",
    }),
    downMs: decimal({
      default: 500,
      least: 1,
      most: 60_000,
      about: "how long a failed node is down",
    }),
    operations: integer({
      default: 2_500,
      least: 100,
      most: 1_000_000,
      about: "of each run, half gets",
    }),
  },
  varies: "N, R and W, the patience, and the repair",
  reading:
    "Points at the lower left are better: fast and fresh. A configuration on the front is not beaten in everything by any other; all others can be improved without a drawback. The columns with ± are 95% confidence intervals over the seeds: configurations whose intervals overlap do not differ significantly.",
  columns: {
    configuration: "N/R/W, patience, repair",
    p99: "99th percentile of all operations, ms",
    p99Within: "its 95% confidence interval, ±",
    stale: "% of reads that missed the latest acknowledged value",
    staleWithin: "±",
    behindAtMost1: "% of reads at most one version behind",
    served: "% of operations that succeeded",
    servedWithin: "±",
    front: "whether the configuration is on the Pareto front of the three",
  },
  plots: [{
    name: "front",
    title: "Latency against staleness",
    from: "rows",
    mark: "dot",
    x: "p99",
    y: "stale",
    color: "front",
    xLabel: "99th percentile, ms",
    yLabel: "% of reads stale",
  }],
  validate({ quorums }) {
    for (const each of quorums) {
      if (quorumsOf(each).n <= NODES) continue;
      throw new ParameterError(
        `parameter 'quorums' must have N at most ${NODES}, the nodes here: it is '${each}'`,
      );
    }
  },
  points: ({ quorums, patienceMs, repairs }) =>
    quorums.flatMap((quorum) =>
      patienceMs.flatMap((patience) => repairs.map((repair) => ({ quorum, patience, repair })))
    ),
  run({ quorum, patience, repair }, values, { random, onProgress }) {
    const runs = Array.from({ length: values.seeds }, (_, i) => {
      const own = random.child(`seed ${i}`);
      const cluster = resilientCluster({
        nodes: NODES,
        latency: values.latency,
        seed: own.child("cluster").uint32(),
        config: {
          ...quorumsOf(quorum),
          // Fallbacks are always on, whichever repair follows.
          ...repairConfig(repair),
          sloppy: true,
          patienceMs: patience,
        },
      });
      const found = runOnce(cluster, values, own);
      onProgress((i + 1) / values.seeds);
      return found;
    });
    const of = (figure: (run: Measured) => number) => interval(runs.map(figure));
    const [p99, p99Within] = of((run) => run.p99);
    const [stale, staleWithin] = of((run) => 100 * (1 - summarise(run.reads).pLatest));
    const [behindAtMost1] = of((run) =>
      100 * (summarise(run.reads).withinVersions.find(({ k }) => k === 1)?.p ?? 0)
    );
    const [served, servedWithin] = of((run) => 100 * run.served);
    const row: Row = {
      configuration: `${quorum}, ${patience} ms, ${repair}`,
      p99,
      p99Within,
      stale,
      staleWithin,
      behindAtMost1,
      served,
      servedWithin,
    };
    const reads = runs.flatMap((run) => run.reads);
    const byAge = pLatestByAge(reads, AGES_MS).map((bin): Row => ({
      configuration: row.configuration ?? null,
      ...bin,
    }));
    return { rows: [row], series: { byAge } };
  },
  finish: (rows) =>
    rows.map((row): Row => ({ ...row, front: isOnFront(row, rows) ? "yes" : "no" })),
  checks({ rows }) {
    const front = rows.filter((row) => row.front === "yes");
    const strict = rows.filter((row) => {
      const { n, r, w } = quorumsOf(`${row.configuration}`.split(",")[0] ?? "");
      return r + w > n;
    });
    const partial = rows.filter((row) => !strict.includes(row));
    const mean = (of: readonly Row[]) =>
      of.reduce((sum, row) => sum + numberIn(row, "stale"), 0) / Math.max(1, of.length);
    const checks = [checkAtLeast("configurations on the front", front.length, 1)];
    if (strict.length === 0 || partial.length === 0) return checks;
    return [
      ...checks,
      checkThat(
        "R+W>N is less often stale than partial quorums, even sloppy",
        mean(strict) < mean(partial) || mean(partial) === 0,
        `${rounded(mean(partial))} → ${rounded(mean(strict))}%`,
        "less often",
      ),
    ];
  },
});

interface Measured {
  readonly p99: number;
  readonly served: number;
  readonly reads: readonly Judged[];
}

interface Load {
  readonly operations: number;
  readonly failuresPerSecond: number;
  readonly downMs: number;
}

const CLIENTS = 16;

/** Each key has one writer at a time, so that its versions are ordered. All clients read. */
function runOnce(cluster: SimulatedCluster, load: Load, random: SeededRandom): Measured {
  const { operations, failuresPerSecond, downMs } = load;
  cluster.runFor(NOTICED_MS);
  const history = new StalenessHistory();
  const reads: Judged[] = [];
  const latency = new LatencyRecorder();
  const versions = new Map<string, number>();
  const isWriting = new Set<string>();
  let begun = 0;
  let ok = 0;
  function* client(own: SeededRandom): Steps<void> {
    while (begun < operations) {
      begun++;
      yield* cluster.sleep(10 * own.float());
      const key = `key-${Math.floor(own.float() * KEYS)}`;
      const node = liveNode(cluster, own);
      if (node === undefined) continue;
      if (own.float() < 0.5 && !isWriting.has(key)) yield* write(key, node);
      else yield* read(key, node);
    }
  }
  function* write(key: string, node: string): Steps<void> {
    isWriting.add(key);
    const version = (versions.get(key) ?? 0) + 1;
    versions.set(key, version);
    // The writer replaces everything that it finds.
    const seen = yield* cluster.get(node, key, { r: 1 });
    const done = yield* cluster.put(node, key, btoa(`${version}`), { context: seen.context });
    if (done.outcome === "ok") {
      ok++;
      latency.record(done.tookMs);
      history.acknowledged(key, version, cluster.nowMs);
    }
    isWriting.delete(key);
  }
  function* read(key: string, node: string): Steps<void> {
    const startedMs = cluster.nowMs;
    const done = yield* cluster.get(node, key);
    if (done.outcome !== "ok") return;
    ok++;
    latency.record(done.tookMs);
    const versions = done.values.map((value) => Number(atob(value)));
    const judged = history.read({ key, startedMs, versions });
    if (judged !== null) reads.push(judged);
  }
  function* fail(own: SeededRandom): Steps<void> {
    while (failuresPerSecond > 0 && begun < operations) {
      yield* cluster.sleep(-Math.log(1 - own.float()) * 1_000 / failuresPerSecond);
      const node = liveNode(cluster, own);
      if (node !== undefined) crash(cluster, node, downMs);
    }
  }
  for (let i = 0; i < CLIENTS; i++) cluster.spawn(client(random.child(`client ${i}`)));
  cluster.spawn(fail(random.child("failures")));
  cluster.run();
  return { p99: latency.percentileMs(99), served: ok / begun, reads };
}

/** The mean, and half of its 95% confidence interval. */
function interval(values: readonly number[]): readonly [number, number] {
  const { length } = values;
  const mean = values.reduce((sum, value) => sum + value, 0) / length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (length - 1);
  const freedom = length - 1;
  // The first term of the Cornish-Fisher expansion: within 2% of Student's t at the end of the
  // table.
  const factor = STUDENT[freedom - 1] ?? NORMAL + (NORMAL ** 3 + NORMAL) / (4 * freedom);
  return [rounded(mean), rounded(factor * Math.sqrt(variance / length), 3)];
}

/** No other row is at least as good in all three and better in one. */
export function isOnFront(row: Row, rows: readonly Row[]): boolean {
  const figures = (
    of: Row,
  ) => [numberIn(of, "p99"), numberIn(of, "stale"), -numberIn(of, "served")];
  const own = figures(row);
  return !rows.some((other) => {
    const theirs = figures(other);
    return theirs.every((figure, i) => figure <= (own[i] as number)) &&
      theirs.some((figure, i) => figure < (own[i] as number));
  });
}
