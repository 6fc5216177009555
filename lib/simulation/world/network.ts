/**
 * The network: the delay of each message, and the effect of the active rules on it.
 *
 * Delays follow the four legs of WARS. They are drawn for each message on the caller's side, from the
 * caller's own generator, just as `nodes/` injects them.
 */
import { type Distribution, legDelayMs, type Legs, type MessageLeg } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import {
  type InTransit,
  type LinkRule,
  PASS,
  US_PER_MS,
  type Verdict,
} from "../faults/link_rules.ts";

/** Most messages held back at once. Further ones are dropped. */
const HELD_MAX = 100_000;

interface Held<T> {
  readonly rule: number;
  readonly message: InTransit;
  readonly packet: T;
}

export interface NetworkCounters {
  messages: number;
  dropped: number;
  refused: number;
  held: number;
  /** Delayed by a rule. */
  delayed: number;
  duplicated: number;
}

export class Network<T> {
  readonly counters: NetworkCounters = {
    messages: 0,
    dropped: 0,
    refused: 0,
    held: 0,
    delayed: 0,
    duplicated: 0,
  };
  private readonly rules = new Map<number, LinkRule>();
  private held: Held<T>[] = [];

  constructor(private readonly legs: Legs, private readonly clients: Distribution) {}

  clone(): Network<T> {
    const copy = new Network<T>(this.legs, this.clients);
    Object.assign(copy.counters, this.counters);
    for (const [id, rule] of this.rules) copy.rules.set(id, rule.clone());
    copy.held = [...this.held];
    return copy;
  }

  get heldCount(): number {
    return this.held.length;
  }

  get ruleCount(): number {
    return this.rules.size;
  }

  /** The delay of a message between two nodes, µs. */
  delayUs(leg: MessageLeg, near: boolean, random: SeededRandom): number {
    return Math.round(legDelayMs(this.legs, leg, random, near) * US_PER_MS);
  }

  /** The delay between a client and a node, µs. */
  clientDelayUs(random: SeededRandom): number {
    return Math.round(this.clients.sample(random) * US_PER_MS);
  }

  /** Without rules every message passes, so callers need not describe it. */
  get hasRules(): boolean {
    return this.rules.size > 0;
  }

  /** Applies all rules to the message. A message that a rule holds is kept until the rule is lifted. */
  judge(message: InTransit, now: number, packet: T): Verdict {
    let laterUs = 0;
    let copyAfterUs: number | undefined;
    for (const [id, rule] of this.rules) {
      const verdict = rule.judge(message, now);
      switch (verdict.kind) {
        case "pass":
          break;
        case "deliver":
          laterUs += verdict.laterUs;
          copyAfterUs ??= verdict.copyAfterUs;
          break;
        case "hold":
          return this.hold({ rule: id, message, packet });
        case "drop":
          this.counters.dropped++;
          return verdict;
        case "refuse":
          this.counters.refused++;
          return verdict;
      }
    }
    if (laterUs > 0) this.counters.delayed++;
    if (copyAfterUs !== undefined) {
      this.counters.duplicated++;
      return { kind: "deliver", laterUs, copyAfterUs };
    }
    return laterUs === 0 ? PASS : { kind: "deliver", laterUs };
  }

  addRule(id: number, rule: LinkRule): void {
    this.rules.set(id, rule);
  }

  /** Removes the rule. Returns the messages that it held back, in order. */
  liftRule(id: number): { readonly message: InTransit; readonly packet: T }[] {
    this.rules.delete(id);
    const released = this.held.filter((held) => held.rule === id);
    this.held = this.held.filter((held) => held.rule !== id);
    return released;
  }

  private hold(held: Held<T>): Verdict {
    if (this.held.length >= HELD_MAX) {
      this.counters.dropped++;
      return { kind: "drop" };
    }
    this.counters.held++;
    this.held.push(held);
    return { kind: "hold" };
  }
}
