/**
 * Which operations clients send, and how often: gets and puts, or the core workloads of YCSB (Cooper
 * et al., SoCC 2010, Table 2). E is left out: it scans, and a key-value store that hashes its keys has
 * no scans.
 */
import type { FloatSource } from "../../random/seeded.ts";
import type { KeyPattern } from "./keys.ts";

export type Operation = "get" | "put" | "insert" | "read-modify-write";

/** Operations and their shares; they need not add up to 1. */
export type Mix = readonly { readonly operation: Operation; readonly share: number }[];

interface NamedMix {
  readonly name: string;
  readonly about: string;
  readonly mix: Mix;
  readonly keys: KeyPattern;
}

export const YCSB: readonly NamedMix[] = [
  {
    name: "A",
    about: "update heavy: a session store",
    mix: [{ operation: "get", share: 0.5 }, { operation: "put", share: 0.5 }],
    keys: "zipfian",
  },
  {
    name: "B",
    about: "read mostly: tagging photos",
    mix: [{ operation: "get", share: 0.95 }, { operation: "put", share: 0.05 }],
    keys: "zipfian",
  },
  {
    name: "C",
    about: "read only: a cache of profiles",
    mix: [{ operation: "get", share: 1 }],
    keys: "zipfian",
  },
  {
    name: "D",
    about: "read latest: status updates",
    mix: [{ operation: "get", share: 0.95 }, { operation: "insert", share: 0.05 }],
    keys: "latest",
  },
  {
    name: "F",
    about: "read, modify, write: a user database",
    mix: [{ operation: "get", share: 0.5 }, { operation: "read-modify-write", share: 0.5 }],
    keys: "zipfian",
  },
];

/** Gets and puts; `gets` is the share of gets, 0 … 1. */
export function getsAndPuts(gets: number): Mix {
  return [{ operation: "get", share: gets }, { operation: "put", share: 1 - gets }];
}

/** The next operation of a mix. A mix of one kind draws nothing. */
export function drawOperation(mix: Mix, random: FloatSource): Operation {
  const first = mix[0] as Mix[number];
  if (mix.length === 1) return first.operation;
  let left = random.float() * mix.reduce((sum, { share }) => sum + share, 0);
  for (const { operation, share } of mix) {
    left -= share;
    if (left < 0) return operation;
  }
  return first.operation;
}

/** The mix of that letter. Throws {@link RangeError} with the letters allowed. */
export function ycsb(name: string): NamedMix {
  const found = YCSB.find((mix) => mix.name === name.toUpperCase());
  if (found === undefined) {
    const names = YCSB.map((mix) => mix.name).join(", ");
    throw new RangeError(`YCSB mix must be one of ${names}: it is '${name}'`);
  }
  return found;
}
