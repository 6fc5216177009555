/**
 * The core workloads of YCSB (Cooper et al., SoCC 2010, Table 2), E left out: it scans, and a
 * key-value store that hashes its keys has no scans.
 */
import type { KeyPattern } from "./keys.ts";
import type { Mix } from "./workload.ts";

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

/** The mix of that letter. Throws {@link RangeError} with those there are. */
export function ycsb(name: string): NamedMix {
  const found = YCSB.find((mix) => mix.name === name.toUpperCase());
  if (found === undefined) {
    const names = YCSB.map((mix) => mix.name).join(", ");
    throw new RangeError(`YCSB mix must be one of ${names}: it is '${name}'`);
  }
  return found;
}
