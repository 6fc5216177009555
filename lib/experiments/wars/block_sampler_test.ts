import assert from "node:assert/strict";
import { empiricalDistribution, parseDistribution } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { blockSampler } from "./block_sampler.ts";
import { RandomWords } from "./random_words.ts";

const COUNT = 120_000;

function fastSamples(distribution: ReturnType<typeof parseDistribution>, seed = "fast") {
  const out = new Float64Array(COUNT);
  const words = new RandomWords(SeededRandom.from(seed));
  const given = new Int32Array(COUNT);
  words.fill(given);
  blockSampler(distribution)(out, given, words);
  return out;
}

/** The Kolmogorov-Smirnov distance between two samples. */
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

Deno.test("fast draws have the same distribution as those of lib/random", () => {
  // With equal distributions, each family passes in 999 of 1,000 cases.
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

Deno.test("a word's rank in its range is the latency's rank in its distribution", () => {
  const places = [1e-6, 0.001, 0.26, 0.5, 0.7, 0.999];
  const given = Int32Array.from(places, (u) => Math.floor(u * 2 ** 32) | 1);
  const exact: [string, (u: number) => number][] = [
    ["exp(0.183)", (u) => -Math.log(u) / 0.183],
    ["pareto(1.05,1.51)", (u) => 1.05 * u ** (-1 / 1.51)],
    ["uniform(2,20)", (u) => 2 + 18 * u],
    // The upper part of the words belongs to the second term, scaled.
    [
      "mix(0.25*pareto(1,2)+0.75*exp(1))",
      (u) => u < 0.25 ? (u / 0.25) ** -0.5 : -Math.log((u - 0.25) / 0.75),
    ],
  ];
  for (const [spec, inverse] of exact) {
    const out = new Float64Array(given.length);
    blockSampler(parseDistribution(spec))(out, given, new RandomWords(SeededRandom.from(1)));
    given.forEach((word, i) => {
      const expected = inverse((word >>> 0) / 2 ** 32);
      const found = out[i] as number;
      // A word has 32 bits, which limits the accuracy far out in a tail.
      assert.ok(
        Math.abs(found - expected) <= 1e-4 * expected,
        `${spec} at ${places[i]}: ${found}, ${expected}`,
      );
    });
  }
});

Deno.test("measured samples are drawn; a seed repeats them, another seed differs", () => {
  const measured = empiricalDistribution("m", [1, 5, 9]);
  assert.deepEqual([...new Set(fastSamples(measured))].sort(), [1, 5, 9]);
  const spec = parseDistribution("mix(0.5*exp(1)+0.5*pareto(1,2))");
  assert.deepEqual(fastSamples(spec, "a"), fastSamples(spec, "a"));
  assert.notDeepEqual(fastSamples(spec, "a"), fastSamples(spec, "b"));
});
