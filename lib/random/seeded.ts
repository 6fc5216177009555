/**
 * One seed, many independent generators.
 *
 * The seed alone must repeat a run. So every subsystem draws from its own child generator. A
 * child's state is a hash of the path of names that leads to it, and does not depend on what its
 * parent or its siblings have drawn. One more draw in the network therefore never changes the
 * workload. (After TigerBeetle's `vopr.zig`. The generator is Blackman and Vigna's xoroshiro128+.)
 */
import { md5 } from "js-md5";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { Random } from "../dynamo/types/random.ts";

/** Random numbers, uniform in [0, 1). */
export interface FloatSource {
  float(): number;
}

type Generator = ReturnType<typeof xoroshiro128plusFromState>;

export class SeededRandom implements Random, FloatSource {
  private constructor(
    /** Identifies this generator: the digest of its path from the seed, 32 hex digits. */
    private readonly path: string,
    private readonly generator: Generator,
  ) {}

  /**
   * The generator of a seed. A number and its decimal text give the same generator, so a seed may
   * come from a program or from a command line. Throws {@link RangeError} when a number is not
   * finite.
   */
  static from(seed: number | string): SeededRandom {
    if (typeof seed === "number" && !Number.isFinite(seed)) {
      throw new RangeError(`the seed must be a finite number or text: it is ${seed}`);
    }
    return SeededRandom.at(md5(`seed:${seed}`));
  }

  private static at(path: string): SeededRandom {
    return new SeededRandom(path, xoroshiro128plusFromState(stateOf(path)));
  }

  /** The child of that name. It is always the same, whatever either of the two has drawn. */
  child(name: string): SeededRandom {
    // The parent's digest has a fixed length, so different paths give different texts.
    return SeededRandom.at(md5(`${this.path}/${name}`));
  }

  uint32(): number {
    return this.generator.next() >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  float(): number {
    // Only the high bits: the lowest bits of xoroshiro128+ are a linear sequence.
    const high = this.generator.next() >>> 5;
    const low = this.generator.next() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  clone(): SeededRandom {
    return new SeededRandom(this.path, xoroshiro128plusFromState(this.generator.getState()));
  }
}

/** Four words of state from a digest. A state of zeros would give zeros forever. */
function stateOf(digest: string): number[] {
  const words = [0, 8, 16, 24].map((at) => parseInt(digest.slice(at, at + 8), 16) | 0);
  return words.every((word) => word === 0) ? [1, 0, 0, 0] : words;
}
