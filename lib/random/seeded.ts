/**
 * One seed, many independent generators.
 *
 * A run is repeated by its seed alone, so every subsystem draws from a child of its own: the child's
 * state comes from hashing the path of names that leads to it, never from how much its parent or
 * siblings have drawn. One more draw in the network therefore never shifts the workload.
 * (After TigerBeetle's `vopr.zig`; the generator is Blackman and Vigna's xoroshiro128+.)
 */
import { md5 } from "js-md5";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { Random } from "../dynamo/types/random.ts";

/** What a latency or a workload draws from: uniform in [0, 1). */
export interface FloatSource {
  float(): number;
}

type Generator = ReturnType<typeof xoroshiro128plusFromState>;

export class SeededRandom implements Random, FloatSource {
  private constructor(
    /** 32 hex digits that name this generator: a digest of the path from the seed to here. */
    private readonly path: string,
    private readonly generator: Generator,
  ) {}

  /**
   * The generator of a seed. A number and its decimal text give the same one, so that a seed may
   * come from a program or from a command line. Throws when a number is not finite.
   */
  static from(seed: number | string): SeededRandom {
    if (typeof seed === "number" && !Number.isFinite(seed)) {
      throw new RangeError(`Cannot seed: the seed must be a finite number or text: it is ${seed}`);
    }
    return SeededRandom.at(md5(`seed:${seed}`));
  }

  private static at(path: string): SeededRandom {
    return new SeededRandom(path, xoroshiro128plusFromState(stateOf(path)));
  }

  /** The generator of that name below this one: always the same, however much either has drawn. */
  child(name: string): SeededRandom {
    // The parent's digest has a fixed length, so no two paths are written alike.
    return SeededRandom.at(md5(`${this.path}/${name}`));
  }

  uint32(): number {
    return this.generator.next() >>> 0;
  }

  /** Uniform in [0, 1), 53 bits. */
  float(): number {
    // The high bits: the lowest ones of xoroshiro128+ are a plain linear sequence.
    const high = this.generator.next() >>> 5;
    const low = this.generator.next() >>> 6;
    return (high * 0x4000000 + low) / 0x20000000000000;
  }

  clone(): SeededRandom {
    return new SeededRandom(this.path, xoroshiro128plusFromState(this.generator.getState()));
  }
}

/** Four words of state from a digest. All zeros would draw zeros forever. */
function stateOf(digest: string): number[] {
  const words = [0, 8, 16, 24].map((at) => parseInt(digest.slice(at, at + 8), 16) | 0);
  return words.every((word) => word === 0) ? [1, 0, 0, 0] : words;
}
