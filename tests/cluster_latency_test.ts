/**
 * `--latency` delays each leg as specified: compares the mean of puts with a simulation of the same
 * distribution.
 *
 * The coordinator is a replica, and its own copy has no legs. So with W=3 and N=4 a put waits for the
 * second fastest of three W + A sums. (In the published WARS model every replica has legs.)
 */
import assert from "node:assert/strict";
import { parseDistribution } from "../lib/random/latency.ts";
import { SeededRandom } from "../lib/random/seeded.ts";
import { withCluster } from "./live_cluster.ts";
import { put } from "./rest_calls.ts";

/** Long delays, so that the machine's own latency is small in comparison. */
const LATENCY = "uniform(0,1000)";
/** Much longer than the slowest reply, so that no replica is skipped. */
const TIMEOUT_MS = 60_000;
/** The mean's standard error is then 2%. */
const PUTS = 128;
const IN_FLIGHT = 32;
const SAMPLES = 100_000;

function sampledMeanMs(): number {
  const leg = parseDistribution(LATENCY);
  const random = SeededRandom.from(1);
  let sum = 0;
  for (let i = 0; i < SAMPLES; i++) {
    const replies = [0, 1, 2].map(() => leg.sample(random) + leg.sample(random));
    sum += replies.sort((a, b) => a - b)[1] ?? 0;
  }
  return sum / SAMPLES;
}

Deno.test("the mean latency of puts with W=3 and N=4 agrees with sampling", async () => {
  const config = { n: 4, r: 1, w: 3, timeoutMs: TIMEOUT_MS };
  await withCluster({ nodes: 4, config, latency: LATENCY }, async (cluster) => {
    const tookMs: number[] = [];
    let next = 0;
    const client = async () => {
      while (next < PUTS) {
        const i = next++;
        const askedMs = performance.now();
        const answer = await put(cluster.nodes[i % 4]?.url ?? "", `key-${i}`, "x");
        tookMs.push(performance.now() - askedMs);
        assert.equal(answer.status, 200, answer.text);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, client));
    const meanMs = tookMs.reduce((sum, ms) => sum + ms, 0) / PUTS;
    const ratio = meanMs / sampledMeanMs();
    assert.ok(ratio > 0.85 && ratio < 1.15, `mean ${meanMs.toFixed(1)} ms, ratio ${ratio}`);
  });
});
