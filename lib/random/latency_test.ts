import assert from "node:assert/strict";
import fc from "fast-check";
import { type Shape } from "./distribution.ts";
import {
  empiricalDistribution,
  legDelayMs,
  LEGS,
  legsFrom,
  parseDistribution,
  parseLegs,
  PROFILES,
  SpecError,
} from "./latency.ts";
import { SeededRandom } from "./seeded.ts";

function reasonOf(read: () => unknown): { place: number; reason: string } {
  try {
    read();
  } catch (error) {
    if (error instanceof SpecError) return { place: error.place, reason: error.reason };
    throw error;
  }
  throw new Error("expected a SpecError");
}

const ms = fc.double({ min: 0, max: 1e4, noNaN: true }).map((value) => value + 0);
const positive = fc.double({ min: 0.1, max: 1e4, noNaN: true });

const plain = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(fields, { noNullPrototype: true });

const family: fc.Arbitrary<Shape> = fc.oneof(
  plain({ kind: fc.constant("constant" as const), ms }),
  fc.tuple(ms, ms).map(([a, b]): Shape => ({
    kind: "uniform",
    low: Math.min(a, b),
    high: Math.max(a, b),
  })),
  plain({ kind: fc.constant("normal" as const), mean: ms, sd: ms }),
  plain({ kind: fc.constant("exp" as const), rate: positive }),
  plain({ kind: fc.constant("pareto" as const), xm: positive, alpha: positive }),
);

const mixture: fc.Arbitrary<Shape> = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), family), {
  minLength: 1,
  maxLength: 5,
}).map((parts) => {
  const sum = parts.reduce((total, [weight]) => total + weight, 0);
  return {
    kind: "mix",
    terms: parts.map(([weight, shape]) => ({ weight: weight / sum, shape })),
  };
});

Deno.test("a formatted spec parses to the same shape, with the same draws", () => {
  fc.assert(fc.property(fc.oneof(family, mixture), fc.nat(), (shape, seed) => {
    const spec = parseDistribution(parseLegs(specOf(shape)).W.spec);
    assert.deepEqual(spec.shape, shape);
    const first = spec.sample(SeededRandom.from(seed));
    assert.equal(parseDistribution(spec.spec).sample(SeededRandom.from(seed)), first);
    assert.ok(first >= 0);
  }));
});

function specOf(shape: Shape): string {
  switch (shape.kind) {
    case "constant":
      return ` ${shape.ms} `;
    case "uniform":
      return `uniform( ${shape.low} , ${shape.high} )`;
    case "normal":
      return `normal(${shape.mean},${shape.sd})`;
    case "exp":
      return `exp(${shape.rate})`;
    case "pareto":
      return `pareto(${shape.xm},${shape.alpha})`;
    case "mix":
      return `mix(${
        shape.terms.map((term) => `${term.weight} * ${specOf(term.shape)}`).join(" + ")
      })`;
    case "empirical":
      return shape.name;
  }
}

Deno.test("the canonical spec of legs parses to the same legs", () => {
  for (
    const spec of [
      "10",
      "LNKD-DISK",
      "WAN",
      "W=1;A=2;R=3;S=4",
      "W=1; A,R,S = exp(2); other=3",
      "YMMR;S=0;remote=5",
      "A,W,S,R=YMMR-PRINTED;remote=1.5",
    ]
  ) {
    const legs = parseLegs(spec);
    assert.equal(parseLegs(legs.spec).spec, legs.spec, spec);
  }
});

Deno.test("a plain spec applies to all four legs; other messages are not delayed", () => {
  const legs = parseLegs("uniform(0,20)");
  for (const leg of LEGS) assert.equal(legs[leg].spec, "uniform(0,20)");
  assert.equal(legs.other.spec, "0");
  assert.equal(legs.remoteMs, 0);
});

Deno.test("a profile's name on a leg means that leg of it", () => {
  const legs = parseLegs("W,A=LNKD-DISK;R=0;S=mix(1*LNKD-DISK);other=LNKD-SSD");
  const disk = parseLegs("LNKD-DISK");
  assert.equal(legs.W.spec, disk.W.spec);
  assert.equal(legs.A.spec, disk.A.spec);
  assert.equal(legs.S.spec, `mix(1*${disk.S.spec})`);
  assert.equal(legs.other.spec, parseLegs("LNKD-SSD").R.spec);
});

Deno.test("WAN: only messages between distant ends take 75 ms more", () => {
  const legs = parseLegs("WAN");
  assert.equal(legs.remoteMs, 75);
  const near = legDelayMs(legs, "A", SeededRandom.from(1), true);
  const far = legDelayMs(legs, "A", SeededRandom.from(1), false);
  assert.equal(far, near + 75);
});

Deno.test("sampled means equal the closed form", () => {
  const specs = [
    "7.5",
    "uniform(2,20)",
    "normal(10,10)",
    "normal(0,4)",
    "normal(3,0)",
    "exp(0.183)",
    "pareto(1.05,3)",
    "mix(0.25*pareto(2,5)+0.75*exp(0.5))",
    "mix(0.5*mix(0.5*1+0.5*2)+0.25*uniform(0,1)+0.25*9)",
    "LNKD-SSD",
  ];
  for (const spec of specs) {
    const distribution = parseDistribution(spec);
    const random = SeededRandom.from(spec);
    const total = 200_000;
    let sum = 0;
    for (let i = 0; i < total; i++) sum += distribution.sample(random);
    const error = Math.abs(sum / total - distribution.mean()) / distribution.mean();
    assert.ok(error < 0.02, `${spec}: sampled ${sum / total}, closed form ${distribution.mean()}`);
  }
});

Deno.test("quantiles of a sampled exponential equal the closed form", () => {
  const random = SeededRandom.from("quantiles");
  const distribution = parseDistribution("exp(0.1)");
  const samples = Float64Array.from({ length: 100_000 }, () => distribution.sample(random)).sort();
  for (const p of [0.1, 0.5, 0.9, 0.99]) {
    const expected = -Math.log(1 - p) / 0.1;
    const measured = samples[Math.floor(p * samples.length)] as number;
    assert.ok(Math.abs(measured - expected) / expected < 0.04, `${p}: ${measured}, ${expected}`);
  }
});

Deno.test("a tail without a mean has an infinite mean", () => {
  assert.equal(parseDistribution("pareto(1,1)").mean(), Infinity);
  assert.equal(parseDistribution("mix(0*pareto(1,1)+1*5)").mean(), 5);
});

Deno.test("every profile names its source, and YMMR exists with both exponents", () => {
  for (const profile of PROFILES) {
    assert.match(profile.source, /PBS, VLDB 2012, Table 3/);
    assert.equal(parseLegs(profile.name).remoteMs, profile.remoteMs);
  }
  assert.match(parseLegs("YMMR").W.spec, /pareto\(3,3\.5\)/);
  assert.match(parseLegs("YMMR-PRINTED").W.spec, /pareto\(3,3\.35\)/);
});

Deno.test("measured samples are drawn unchanged", () => {
  const measured = empiricalDistribution("disk", [1, 2, 4]);
  const random = SeededRandom.from(3);
  const drawn = new Set(Array.from({ length: 100 }, () => measured.sample(random)));
  assert.deepEqual([...drawn].sort(), [1, 2, 4]);
  assert.equal(measured.mean(), 7 / 3);
  const legs = legsFrom({ W: measured, A: measured, R: measured, S: measured }, 2);
  assert.equal(legs.W.sample(SeededRandom.from(3)), measured.sample(SeededRandom.from(3)));
  assert.throws(() => empiricalDistribution("disk", []), /at least one is needed, there are 0/);
  assert.throws(() => empiricalDistribution("disk", [1, -2]), /sample 2 of 'disk'.*it is -2/);
  assert.throws(() => empiricalDistribution("disk", [NaN]), /sample 1 of 'disk'.*it is NaN/);
});

Deno.test("errors name the position, what was found and what is allowed", () => {
  const cases: [spec: string, place: number, reason: RegExp][] = [
    ["", 0, /expected a number of ms.* or a profile's name, found the end/],
    ["-1", 0, /a latency must be from 0 to 86400000 ms: it is -1/],
    ["NaN", 0, /unknown name 'NaN': allowed are .*profiles LNKD-SSD, LNKD-DISK, YMMR/],
    ["1e999", 0, /must be a finite number: found 1e999/],
    ["exp(-0.5)", 4, /exp's rate \(per ms\) must be above 0, .*: it is -0\.5/],
    ["exp(0)", 4, /must be above 0, .*: it is 0/],
    ["exp(1", 5, /expected '\)' to close exp\(, found the end/],
    ["exp 1", 4, /expected '\(' after exp, found '1'/],
    ["exp(NaN)", 4, /exp's rate \(per ms\) must be a finite number: found 'NaN'/],
    ["uniform(20,0)", 11, /uniform's high must be at least its low, 20: it is 0/],
    ["uniform(20)", 10, /expected ',' between the parameters of uniform, found '\)'/],
    ["normal(10,-1)", 10, /normal's sd must be from 0 to 86400000 ms: it is -1/],
    ["pareto(1,0)", 9, /pareto's alpha must be above 0, .*: it is 0/],
    ["mix(0.5*1+0.4*2)", 0, /weights of mix must add up to 1 within 0\.000001: they give 0\.9/],
    ["mix(1.5*1)", 4, /a weight of mix must be from 0 to 1: it is 1\.5/],
    ["mix(0.5 1)", 8, /expected '\*' between a weight of mix and its distribution, found '1'/],
    ["mix(1*2", 7, /expected '\)' to close mix\(, or '\+' before another part, found the end/],
    ["gauss(1,2)", 0, /unknown name 'gauss': allowed are/],
    ["LNKD-TAPE", 0, /unknown name 'LNKD-TAPE': .*LNKD-SSD, LNKD-DISK, YMMR, YMMR-PRINTED, WAN/],
    ["10 20", 3, /expected ';' or the end after the spec for all legs, found '20'/],
    ["W=1;A=2;R=3", 11, /W, A, R and S are all needed, or a spec for all legs first: S missing/],
    ["W=1;W=2;A,R,S=3", 4, /'W' may be given only once/],
    ["Q=1", 0, /expected one of W, A, R, S, other, remote, found 'Q'/],
    ["W=;A=1;R=1;S=1", 2, /expected a number of ms.*found ';'/],
    ["1;other=LNKD-DISK", 8, /profile LNKD-DISK differs from leg to leg/],
    ["1;W=WAN", 4, /profile WAN has a remote part, .* remote=75/],
    ["1;remote=-5", 9, /remote must be from 0 to 86400000 ms: it is -5/],
    [`${"mix(1*".repeat(9)}1${")".repeat(9)}`, 48, /nested at most 8 deep/],
    ["9".repeat(5000), 4096, /at most 4096 characters: it has 5000/],
  ];
  for (const [spec, place, reason] of cases) {
    const found = reasonOf(() => parseLegs(spec));
    assert.match(found.reason, reason, spec);
    assert.equal(found.place, place, spec);
  }
  assert.throws(
    () => parseDistribution("exp(x)"),
    /^SpecError: Cannot read latency 'exp\(x\)' at character 5: exp's rate/,
  );
});

Deno.test("no text makes the parser fail in any other way", () => {
  const pieces = [
    "mix(",
    "exp(",
    "W=",
    "A,R=",
    "1",
    "0.5*",
    "+",
    ")",
    ";",
    ",",
    "WAN",
    "-",
    " ",
    "x",
  ];
  fc.assert(fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
    try {
      assert.ok(parseLegs(parts.join("")).spec.length > 0);
    } catch (error) {
      assert.ok(error instanceof SpecError, String(error));
    }
  }));
});
