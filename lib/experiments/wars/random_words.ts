/**
 * Random words for Monte Carlo, generated in blocks by sfc32 (Doty-Humphrey's "small fast
 * counting", which passes PractRand). A tight loop over local variables takes about a nanosecond
 * for each word; a method call for each word would take several. The generator is seeded from a
 * {@link SeededRandom}, so a run still has one seed.
 */
import type { FloatSource, SeededRandom } from "../../random/seeded.ts";

const BLOCK = 1_024;

export class RandomWords implements FloatSource {
  private readonly block = new Uint32Array(BLOCK);
  private at = BLOCK;
  private readonly state = new Int32Array(4);

  constructor(random: SeededRandom) {
    for (let i = 0; i < 4; i++) this.state[i] = random.uint32();
  }

  /** Fills an array with words. */
  fill(out: Int32Array | Uint32Array): void {
    const { state } = this;
    let a = state[0] as number;
    let b = state[1] as number;
    let c = state[2] as number;
    let d = state[3] as number;
    for (let i = 0; i < out.length; i++) {
      const word = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (c << 21) | (c >>> 11);
      c = (c + word) | 0;
      out[i] = word;
    }
    state[0] = a;
    state[1] = b;
    state[2] = c;
    state[3] = d;
  }

  /** One word, from an internal block. */
  uint32(): number {
    if (this.at === BLOCK) {
      this.fill(this.block);
      this.at = 0;
    }
    return this.block[this.at++] as number;
  }

  /** Uniform in [0, 1), 53 bits. */
  float(): number {
    const high = this.uint32() >>> 5;
    return (high * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000;
  }
}
