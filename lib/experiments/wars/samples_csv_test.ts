import assert from "node:assert/strict";
import { LEGS } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { legsFromCsv, SamplesError } from "./samples_csv.ts";

const means = (text: string) => {
  const legs = legsFromCsv(text, "m");
  return LEGS.map((leg) => legs[leg].mean());
};

Deno.test("samples have four columns in any order and of any length, or one for all legs", () => {
  assert.deepEqual(means("S,R,A,W\n1,2,3,4\n3,,,\n"), [4, 3, 2, 2]);
  assert.deepEqual(means("w;a;r;s\r\n1;2;3;4\r\n"), [1, 2, 3, 4]);
  assert.deepEqual(means("\n1.5\n2.5\n"), [2, 2, 2, 2]);
  assert.deepEqual(means("latency ms\n1e1\n"), [10, 10, 10, 10]);
  const legs = legsFromCsv("1\n", "m");
  assert.equal(legs.W.sample(SeededRandom.from(1)), 1);
});

Deno.test("an error names the line, what is wrong and what is allowed", () => {
  const cases: [string, RegExp][] = [
    ["", /at line 1: the file is empty; at least one latency is needed/],
    ["  \n\n", /at line 1: the file is empty/],
    ["W,A,R\n1,2,3", /at line 1: the columns must be W, A, R and S.*: they are W,A,R/],
    ["W,A,R,X\n1,2,3,4", /at line 1: the columns must be/],
    ["W,A,R,S\n1,2,3,4\n1,2,3,4,5", /at line 3: it has 5 cells where 4 are allowed: W,A,R,S/],
    ["1\n-2", /at line 2: '-2' is not a latency: it must be a number of ms, 0 or more/],
    ["1\nfast", /at line 2: 'fast' is not a latency/],
    ["1\nInfinity", /at line 2: 'Infinity' is not a latency/],
    ["W,A,R,S\n1,2,,4", /at line 1: column R must have at least one latency/],
    ["W;A;R;S\n1,5;2;3;4", /at line 2: '1,5' is not a latency/],
    ["1;2;3;4", /at line 1: it has 4 cells where 1 are allowed/],
    ['W,A,R,S\n1,2,3,"4\n', /at line 2: Quoted field unterminated/],
    ["ms", /at line 1: column all must have at least one latency/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => legsFromCsv(text, "m"),
      (error) => error instanceof SamplesError && message.test(error.message),
      text,
    );
  }
});
