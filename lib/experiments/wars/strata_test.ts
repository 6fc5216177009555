import assert from "node:assert/strict";
import { SeededRandom } from "../../random/seeded.ts";
import { RandomWords } from "./random_words.ts";
import { Strata, STRATA_BATCH, STRATA_BATCHES } from "./strata.ts";

const COLUMNS = 4;
const TOGETHER = 2;

/** All words of a block, by column. */
function blockOf(seed: string): Uint32Array[] {
  const words = new RandomWords(SeededRandom.from(seed));
  const strata = new Strata(COLUMNS);
  strata.begin(words);
  const out = new Int32Array(STRATA_BATCH * TOGETHER);
  const columns = Array.from(
    { length: COLUMNS },
    () => new Uint32Array(STRATA_BATCH * STRATA_BATCHES),
  );
  for (let batch = 0; batch < STRATA_BATCHES; batch++) {
    for (let first = 0; first < COLUMNS; first += TOGETHER) {
      strata.fill(out, first, TOGETHER, batch, words);
      out.forEach((word, i) => {
        const column = columns[first + i % TOGETHER] as Uint32Array;
        column[batch * STRATA_BATCH + Math.floor(i / TOGETHER)] = word;
      });
    }
  }
  return columns;
}

Deno.test("strata: in a column, a block has every stratum once, a batch every coarse one", () => {
  for (const column of blockOf("once")) {
    assert.equal(new Set(column.map((word) => word >>> 16)).size, 65_536);
    for (let from = 0; from < column.length; from += STRATA_BATCH) {
      const batch = column.subarray(from, from + STRATA_BATCH);
      assert.equal(new Set(batch.map((word) => word >>> 24)).size, STRATA_BATCH);
    }
  }
});

Deno.test("strata: the columns of a trial are independent", () => {
  // How often two columns are both in their topmost 64th is binomial.
  const share = 1 / 64;
  let both = 0;
  let trials = 0;
  for (let block = 0; block < 12; block++) {
    const columns = blockOf(`block ${block}`);
    for (let a = 0; a < COLUMNS; a++) {
      for (let b = a + 1; b < COLUMNS; b++) {
        const [one, other] = [columns[a], columns[b]] as [Uint32Array, Uint32Array];
        trials += one.length;
        for (let i = 0; i < one.length; i++) {
          if ((one[i] as number) >>> 26 === 63 && (other[i] as number) >>> 26 === 63) both++;
        }
      }
    }
  }
  const expected = trials * share * share;
  assert.ok(
    Math.abs(both - expected) < 4 * Math.sqrt(expected),
    `${both}, where ${expected.toFixed(0)} were expected`,
  );
});

Deno.test("strata: a seed repeats the words, another seed differs", () => {
  assert.deepEqual(blockOf("a"), blockOf("a"));
  assert.notDeepEqual(blockOf("a"), blockOf("b"));
});
