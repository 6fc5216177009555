/**
 * Evenly spread random words (Latin hypercube sampling; McKay, Beckman and Conover 1979). A column
 * gets 65,536 words in a block, one from each 65,536th of the range. So one trial in a thousand
 * falls into a tail of one in a thousand, almost exactly, and the percentiles of the tail need a
 * hundredth of the trials.
 *
 * A single trial still draws every column uniformly and independently of the other columns, because
 * a random word shifts its stratum. Only the trials of one block depend on each other.
 *
 * There are two levels, so that shuffling costs two look-ups. The trials of a batch divide up the
 * 256 coarse strata, and the batches of a block divide up the 256 parts of each.
 */
import { SeededRandom } from "../../random/seeded.ts";
import { RandomWords } from "./random_words.ts";

/** Words of a column that are drawn at once. */
export const STRATA_BATCH = 256;
/** After this many batches, every stratum has been drawn once. */
export const STRATA_BATCHES = 256;

const SHUFFLES = 64;

/** Fixed shuffles of 0 … 255. Each use shifts one by a random amount. */
const pool = shuffles();

export class Strata {
  /** For each column: the shuffle that orders the parts, and its shift. */
  private readonly orders: Int32Array;
  private readonly turns: Int32Array;
  private readonly low: Int32Array;

  /** For blocks of that many columns. */
  constructor(readonly columns: number) {
    this.orders = new Int32Array(columns);
    this.turns = new Int32Array(columns);
    this.low = new Int32Array(STRATA_BATCH / 2);
  }

  /** Begins a block. */
  begin(words: RandomWords): void {
    for (let column = 0; column < this.columns; column++) {
      const word = words.uint32();
      this.orders[column] = word % SHUFFLES;
      this.turns[column] = word >>> 24;
    }
  }

  /**
   * Fills `out` with a batch of `count` columns from `first`: word i of column c at i * count + c.
   */
  fill(out: Int32Array, first: number, count: number, batch: number, words: RandomWords): void {
    const { low, orders, turns } = this;
    for (let column = 0; column < count; column++) {
      words.fill(low);
      const pick = words.uint32();
      const shuffle = (pick % SHUFFLES) << 8;
      const shift = pick >>> 24;
      const order = (orders[first + column] as number) << 8;
      const turn = turns[first + column] as number;
      // One random word supplies the lower halves of two words.
      for (let pair = 0, at = column; pair < STRATA_BATCH / 2; pair++, at += 2 * count) {
        const word = low[pair] as number;
        const one = (pool[shuffle + 2 * pair] as number) ^ shift;
        const other = (pool[shuffle + 2 * pair + 1] as number) ^ shift;
        const onePart = (pool[order + (one ^ batch)] as number) ^ turn;
        const otherPart = (pool[order + (other ^ batch)] as number) ^ turn;
        out[at] = one << 24 | onePart << 16 | word & 0xffff;
        out[at + count] = other << 24 | otherPart << 16 | word >>> 16;
      }
    }
  }
}

/** Fisher-Yates. */
function shuffles(): Uint8Array {
  const words = new RandomWords(SeededRandom.from("strata"));
  const all = new Uint8Array(SHUFFLES * STRATA_BATCH);
  for (let shuffle = 0; shuffle < SHUFFLES; shuffle++) {
    const one = all.subarray(shuffle * STRATA_BATCH, (shuffle + 1) * STRATA_BATCH);
    for (let i = 0; i < STRATA_BATCH; i++) {
      const other = Math.floor(words.float() * (i + 1));
      one[i] = one[other] as number;
      one[other] = i;
    }
  }
  return all;
}
