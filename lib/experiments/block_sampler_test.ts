import assert from "node:assert/strict";
import { empiricalDistribution, parseDistribution } from "../random/latency.ts";
import { SeededRandom } from "../random/seeded.ts";
import { blockSampler } from "./block_sampler.ts";
import { RandomWords } from "./random_words.ts";

const COUNT = 120_000;

function fastSamples(distribution: ReturnType<typeof parseDistribution>, seed = "fast") {
  const out = new Float64Array(COUNT);
  blockSampler(distribution)(out, new RandomWords(SeededRandom.from(seed)));
  return out;
}

/** The greatest distance between two empirical distributions (Kolmogorov and Smirnov), ties apart. */
function distance(a: Float64Array, b: Float64Array): number {
  const first = a.toSorted();
  const second = b.toSorted();
  let most = 0;
  let i = 0;
  let j = 0;
  while (i < first.length && j < second.length) {
    const value = Math.min(first[i] as number, second[j] as number);
    while (first[i] === value) i++;
    while (second[j] === value) j++;
    most = Math.max(most, Math.abs(i / first.length - j / second.length));
  }
  return most;
}

Deno.test("fast draws have the distribution of the plain ones", () => {
  // Passed by chance 999 times in 1,000 for each family when the distributions are equal.
  const allowed = 1.95 * Math.sqrt(2 / COUNT);
  for (
    const spec of [
      "3",
      "uniform(2,20)",
      "normal(10,10)",
      "exp(0.183)",
      "exp(20)",
      "pareto(0.235,10)",
      "pareto(1.05,1.51)",
      "pareto(2,0.5)",
      "mix(0.9122*pareto(0.235,10)+0.0878*exp(1.66))",
      "mix(0.38*pareto(1.05,1.51)+0.62*exp(0.183))",
      "mix(0.5*mix(0.5*exp(1)+0.5*exp(9))+0.5*pareto(1,2))",
      "mix(0.5*exp(1)+0.25*7+0.25*uniform(0,1))",
      "mix(0*exp(1)+1*pareto(1,3))",
    ]
  ) {
    const distribution = parseDistribution(spec);
    const random = SeededRandom.from("plain");
    const plain = Float64Array.from({ length: COUNT }, () => distribution.sample(random));
    const found = distance(fastSamples(distribution), plain);
    assert.ok(found <= allowed, `${spec}: ${found} is above ${allowed}`);
  }
});

Deno.test("the tail beyond the ziggurat is exact", () => {
  const out = new Float64Array(2_000_000);
  for (const [spec, from] of [["exp(1)", 9], ["pareto(1,3)", 25]] as const) {
    blockSampler(parseDistribution(spec))(out, new RandomWords(SeededRandom.from(spec)));
    const share = spec === "exp(1)" ? Math.exp(-from) : from ** -3;
    const expected = out.length * share;
    const beyond = out.filter((value) => value > from);
    assert.ok(
      Math.abs(beyond.length - expected) < 4 * Math.sqrt(expected),
      `${spec}: ${beyond.length} beyond ${from}, expected ${expected}`,
    );
  }
});

Deno.test("measured samples are drawn, a seed repeats, another differs", () => {
  const measured = empiricalDistribution("m", [1, 5, 9]);
  assert.deepEqual([...new Set(fastSamples(measured))].sort(), [1, 5, 9]);
  const spec = parseDistribution("mix(0.5*exp(1)+0.5*pareto(1,2))");
  assert.deepEqual(fastSamples(spec, "a"), fastSamples(spec, "a"));
  assert.notDeepEqual(fastSamples(spec, "a"), fastSamples(spec, "b"));
});
