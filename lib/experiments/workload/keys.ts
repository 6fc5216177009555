/**
 * Chooses keys: the request distributions of YCSB (Cooper et al., "Benchmarking Cloud Serving
 * Systems with YCSB", SoCC 2010, section 5), and the original Dynamo Simulator's few hot keys.
 */
import type { FloatSource } from "../../random/seeded.ts";

/** Where a load takes its keys from. */
export interface KeySource {
  /** The key to read or overwrite. */
  next(random: FloatSource): string;
  /** Names a new key, which may be chosen from then on. Only sources that can grow have it. */
  insert?(): string;
}

interface KeyChooser extends KeySource {
  /** How many keys there are to choose from. */
  readonly count: number;
  insert(): string;
}

export type KeyPattern = "uniform" | "zipfian" | "latest" | "hot-set";
export const KEY_PATTERNS: readonly KeyPattern[] = ["uniform", "zipfian", "latest", "hot-set"];

interface KeyOptions {
  /** The name of a key is `prefix` and a number. */
  readonly prefix?: string;
  /** The exponent of `zipfian` and `latest`, above 0 and below 1. */
  readonly theta?: number;
  /** `hot-set`: the number of hot keys. */
  readonly hotKeys?: number;
  /** `hot-set`: the share of requests for hot keys, 0 … 1. */
  readonly hotShare?: number;
}

/** The exponent of YCSB. */
const ZIPFIAN_THETA = 0.99;
const COUNT_MAX = 1e9;

/**
 * The chooser of that pattern over `count` keys. Throws {@link RangeError} with what is allowed.
 */
export function keyChooser(
  pattern: KeyPattern,
  count: number,
  options: KeyOptions = {},
): KeyChooser {
  switch (pattern) {
    case "uniform":
      return uniform(count, options);
    case "zipfian":
      return zipfian(count, options);
    case "latest":
      return latest(count, options);
    case "hot-set":
      return hotSet(count, options);
    default:
      throw new RangeError(
        `keys must be one of ${KEY_PATTERNS.join(", ")}: it is '${String(pattern)}'`,
      );
  }
}

interface SequenceOptions {
  readonly prefix?: string;
  /** The first number, 0 unless given. */
  readonly first?: number;
  /**
   * From one number to the next, 1 unless given: several workers share the numbers without a gap.
   */
  readonly stride?: number;
}

/** Each key once, in order: `key-0`, `key-1` and so on. */
export function inOrder(options: SequenceOptions = {}): KeySource {
  const { prefix = "key-", first = 0, stride = 1 } = options;
  let number = first - stride;
  return { next: () => `${prefix}${number += stride}` };
}

/** The given keys, all equally likely. */
export function among(keys: readonly string[]): KeySource {
  return { next: (random) => keys[Math.floor(random.float() * keys.length)] as string };
}

/** All keys are equally likely. */
export function uniform(count: number, options: KeyOptions = {}): KeyChooser {
  return new Chooser(count, options, (random, count) => Math.floor(random.float() * count));
}

/**
 * A few keys often, many rarely: rank k has a probability proportional to k^-theta. The ranks are
 * scrambled, so that popular keys are not neighbours by number.
 */
export function zipfian(count: number, options: KeyOptions = {}): KeyChooser {
  requireCount(count);
  const ranks = new ZipfRanks(options.theta ?? ZIPFIAN_THETA);
  return new Chooser(count, options, (random, now) => {
    const rank = ranks.draw(random, now);
    // Keys inserted later keep their rank, so that the popular keys stay the same.
    return rank < count ? permuted(rank, count) : rank;
  });
}

/**
 * The newest keys are the most popular (YCSB D): zipfian ranks, counted back from the last insert.
 */
export function latest(count: number, options: KeyOptions = {}): KeyChooser {
  const ranks = new ZipfRanks(options.theta ?? ZIPFIAN_THETA);
  return new Chooser(count, options, (random, now) => now - 1 - ranks.draw(random, now));
}

/** A few keys get most requests; the others share the rest. */
export function hotSet(count: number, options: KeyOptions = {}): KeyChooser {
  requireCount(count);
  const hotKeys = options.hotKeys ?? Math.max(1, Math.round(count / 100));
  const hotShare = options.hotShare ?? 0.9;
  if (!Number.isInteger(hotKeys) || hotKeys < 1 || hotKeys > count) {
    throw new RangeError(`hotKeys must be a whole number from 1 to ${count}: it is ${hotKeys}`);
  }
  if (!(hotShare >= 0 && hotShare <= 1)) {
    throw new RangeError(`hotShare must be from 0 to 1: it is ${hotShare}`);
  }
  return new Chooser(count, options, (random, now) => {
    const isHot = random.float() < hotShare || hotKeys === now;
    const drawn = random.float();
    return isHot ? Math.floor(drawn * hotKeys) : hotKeys + Math.floor(drawn * (now - hotKeys));
  });
}

class Chooser implements KeyChooser {
  private readonly prefix: string;
  private held: number;

  constructor(
    count: number,
    options: KeyOptions,
    private readonly draw: (random: FloatSource, count: number) => number,
  ) {
    requireCount(count);
    this.held = count;
    this.prefix = options.prefix ?? "key-";
  }

  get count(): number {
    return this.held;
  }

  next(random: FloatSource): string {
    return this.name(this.draw(random, this.held));
  }

  insert(): string {
    return this.name(this.held++);
  }

  private name(index: number): string {
    return `${this.prefix}${index}`;
  }
}

/**
 * Draws zipfian ranks in constant time (Gray et al., "Quickly Generating Billion-Record Synthetic
 * Databases", SIGMOD 1994, section 3.2). The normalising sum is extended as keys are inserted.
 */
class ZipfRanks {
  private readonly alpha: number;
  private count = 0;
  private zeta = 0;
  private eta = 0;

  constructor(private readonly theta: number) {
    if (!(theta > 0 && theta < 1)) {
      throw new RangeError(`theta must be above 0 and below 1: it is ${theta}`);
    }
    this.alpha = 1 / (1 - theta);
  }

  /** A rank in 0 … count - 1; 0 is the most popular. */
  draw(random: FloatSource, count: number): number {
    if (count !== this.count) this.grow(count);
    const drawn = random.float();
    const scaled = drawn * this.zeta;
    if (scaled < 1 || count === 1) return 0;
    if (scaled < 1 + 0.5 ** this.theta) return 1;
    const rank = Math.floor(count * (this.eta * drawn - this.eta + 1) ** this.alpha);
    return Math.min(rank, count - 1);
  }

  private grow(count: number): void {
    if (count < this.count) {
      this.count = 0;
      this.zeta = 0;
    }
    for (let rank = this.count + 1; rank <= count; rank++) this.zeta += rank ** -this.theta;
    this.count = count;
    const zetaOfTwo = 1 + 0.5 ** this.theta;
    this.eta = (1 - (2 / count) ** (1 - this.theta)) / (1 - zetaOfTwo / this.zeta);
  }
}

/**
 * The position of rank `index` in a fixed permutation of 0 … count - 1: a four-round Feistel
 * network over the next power of four, repeated until the result is in range. YCSB takes a hash
 * modulo the count instead, so there two ranks can share a key.
 */
function permuted(index: number, count: number): number {
  const halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, count)) / 2));
  const half = 2 ** halfBits;
  let at = index;
  do {
    let left = Math.floor(at / half);
    let right = at % half;
    for (let round = 1; round <= 4; round++) {
      const mixed = mix32(right + round * 0x9e3779b9) % half;
      [left, right] = [right, left ^ mixed];
    }
    at = left * half + right;
  } while (at >= count);
  return at;
}

/** The 32-bit finaliser of MurmurHash3: every input bit affects every output bit. */
function mix32(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function requireCount(count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    throw new RangeError(
      `count of keys must be a whole number from 1 to ${COUNT_MAX}: it is ${count}`,
    );
  }
}
