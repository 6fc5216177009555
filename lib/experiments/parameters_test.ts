import assert from "node:assert/strict";
import {
  choice,
  decimals,
  flag,
  formatValue,
  integer,
  latencies,
  ParameterError,
  quorums,
  quorumsOf,
  readParameters,
} from "./parameters.ts";

const PARAMETERS = {
  n: integer({ default: 3, least: 1, most: 20, about: "replicas" }),
  rates: decimals({ default: [1, 0.5], least: 0, most: 10, about: "rates" }),
  repair: flag({ default: false, about: "read repair" }),
  mode: choice(["dvv", "lww"], { default: "dvv", about: "versions" }),
  profiles: latencies({ default: ["LNKD-SSD"], about: "latencies" }),
  quorums: quorums({ default: ["3/1/1"], about: "N/R/W" }),
};

Deno.test("parameters: those not given have their defaults", () => {
  const values = readParameters(PARAMETERS, { n: "5", rates: "2, 0.25" });
  assert.deepEqual(values, {
    n: 5,
    rates: [2, 0.25],
    repair: false,
    mode: "dvv",
    profiles: ["LNKD-SSD"],
    quorums: ["3/1/1"],
  });
});

Deno.test("parameters: a formatted value parses to the same value", () => {
  const specs = ["W=exp(1);A,R,S=uniform(0,2)", "LNKD-DISK"];
  assert.deepEqual(PARAMETERS.profiles.parse(formatValue(specs)), specs);
  assert.deepEqual(PARAMETERS.rates.parse(formatValue([1, 2.5])), [1, 2.5]);
});

Deno.test("parameters: an error names the parameter and what is allowed", () => {
  const wrong: [Record<string, string>, RegExp][] = [
    [{ nodes: "3" }, /unknown parameter 'nodes': there are n, rates/],
    [{ n: "2.5" }, /'n' must be a whole number from 1 to 20: it is '2.5'/],
    [{ n: "" }, /'n' must be/],
    [{ rates: "1,eleven" }, /'rates' must be numbers from 0 to 10.*it is 'eleven'/],
    [{ repair: "yes" }, /'repair' must be true or false/],
    [{ mode: "crdt" }, /'mode' must be one of dvv, lww/],
    [{ profiles: "LNKD-TAPE" }, /'profiles' must be a latency spec: .*LNKD-TAPE/],
    [{ quorums: "3/4/1" }, /'quorums' must be N\/R\/W with R from 1 to N, 3: it is '3\/4\/1'/],
    [{ quorums: "3/1" }, /'quorums' must be N\/R\/W/],
    [
      { quorums: "3/1/1,3/2/2,3/1/1" },
      /'quorums' must name each value once: it names 3\/1\/1 twice/,
    ],
    [{ rates: "0.5,1,.5" }, /'rates' must name each value once: it names 0.5 twice/],
    [{ profiles: "WAN | WAN" }, /'profiles' must name each value once: it names WAN twice/],
  ];
  for (const [given, message] of wrong) {
    assert.throws(
      () => readParameters(PARAMETERS, given),
      (error) => error instanceof ParameterError && message.test(error.message),
      JSON.stringify(given),
    );
  }
});

Deno.test("parameters: a quorum is N, R and W", () => {
  assert.deepEqual(quorumsOf("4/2/3"), { n: 4, r: 2, w: 3 });
  assert.throws(() => quorumsOf("21/1/1"), ParameterError);
});
