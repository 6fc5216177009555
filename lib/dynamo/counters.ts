/** What a replica counts, for `/status`, `/metrics` and the bounds checker. */
import type { AntiEntropyState } from "./types/admin.ts";

export interface Counters {
  requestsServed: number;
  requestsFailed: number;
  overloaded: number;
  forwards: number;
  readRepairs: number;
  callsFailed: number;
  /** Replicas that were silent for longer than `patienceMs`. */
  silences: number;
  storageFailures: number;
  gossipRounds: number;
  hintsStored: number;
  hintsDelivered: number;
  /** Anti-entropy exchanges that this node began and completed, and those that failed. */
  exchanges: number;
  exchangesFailed: number;
  treesCompared: number;
  keysRepaired: number;
  /** Tombstones that this node had removed from all owners. */
  reaped: number;
  /** Damaged records replaced from the other replicas. */
  recovered: number;
  /** Ranges that this node has taken over, and the keys that it copied for them. */
  rangesTaken: number;
  keysTaken: number;
  /** Range registers that this node has advanced as their register writer. */
  rangesAdvanced: number;
  /** Copies of former ranges that were dropped, as every owner holds them. */
  orphansDropped: number;
}

export interface ReplicaStats {
  readonly requestsInFlight: number;
  readonly conversations: number;
  readonly calls: number;
  readonly deadlines: number;
  readonly forwardsKnown: number;
  readonly recordsBusy: number;
  /** Hints held, by target. */
  readonly hints: Readonly<Record<string, number>>;
  /** The suspicion of every peer, null when gossip is off; and who is believed down. */
  readonly peers: Readonly<Record<string, { readonly up: boolean; readonly phi: number | null }>>;
  readonly antiEntropy: AntiEntropyState;
  /** Keys with more siblings than `siblingsWarn`. */
  readonly crowdedKeys: readonly string[];
  readonly counters: Readonly<Counters>;
}

export function newCounters(): Counters {
  return {
    requestsServed: 0,
    requestsFailed: 0,
    overloaded: 0,
    forwards: 0,
    readRepairs: 0,
    callsFailed: 0,
    silences: 0,
    storageFailures: 0,
    gossipRounds: 0,
    hintsStored: 0,
    hintsDelivered: 0,
    exchanges: 0,
    exchangesFailed: 0,
    treesCompared: 0,
    keysRepaired: 0,
    reaped: 0,
    recovered: 0,
    rangesTaken: 0,
    keysTaken: 0,
    rangesAdvanced: 0,
    orphansDropped: 0,
  };
}

const CROWDED_KEYS_MAX = 100;

/** Remembers which keys have `from` siblings or more, up to a bound. */
export class SiblingWatch {
  private readonly crowded = new Set<string>();

  constructor(private readonly from: number) {}

  note(key: string, siblings: number): void {
    if (siblings < this.from) {
      if (this.crowded.size > 0) this.crowded.delete(key);
    } else if (this.crowded.size < CROWDED_KEYS_MAX) this.crowded.add(key);
  }

  keys(): string[] {
    return [...this.crowded];
  }
}
