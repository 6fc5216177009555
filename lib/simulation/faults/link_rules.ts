/**
 * Network faults as rules. A rule judges every message, with one of a few verdicts: pass, deliver later
 * (perhaps with a copy), hold until the rule is lifted, drop, or refuse and tell the sender (turmoil-net,
 * `rule.rs`).
 */
import { type Distribution, type MessageLeg, parseDistribution } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { CLIENTS, type CutMode, type LinkFault, type Links } from "./faults.ts";

export const US_PER_MS = 1_000;

/** The parts of a message that a rule may use. `from` and `to` are node ids or `clients`. */
export interface InTransit {
  readonly from: string;
  readonly to: string;
  readonly leg: MessageLeg;
  /** The content; only its size is used. */
  readonly content: unknown;
}

export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "deliver"; readonly laterUs: number; readonly copyAfterUs?: number }
  | { readonly kind: "hold" }
  | { readonly kind: "drop" }
  | { readonly kind: "refuse" };

export const PASS: Verdict = { kind: "pass" };
const HOLD: Verdict = { kind: "hold" };
const DROP: Verdict = { kind: "drop" };
const REFUSE: Verdict = { kind: "refuse" };

export interface LinkRule {
  judge(message: InTransit, now: number): Verdict;
  clone(): LinkRule;
}

/** The longest queue of a link with limited bandwidth, in µs of its time. Further messages are dropped. */
const QUEUE_US_MAX = 60_000_000;

/** The rule of a fault that begins at `now` (virtual µs). Only this rule may use `random`. */
export function ruleOf(fault: LinkFault, now: number, random: SeededRandom): LinkRule {
  switch (fault.kind) {
    case "loss":
      return new ChanceRule(fault, random, fault.probability, () => DROP);
    case "duplicate":
      return new ChanceRule(fault, random, fault.probability, (draw) => ({
        kind: "deliver",
        laterUs: 0,
        copyAfterUs: upTo(fault.withinMs, draw),
      }));
    case "reorder":
      return new ChanceRule(fault, random, fault.probability, (draw) => ({
        kind: "deliver",
        laterUs: upTo(fault.byMs, draw),
      }));
    case "delay":
      return new DelayRule(fault, random, parseDistribution(fault.latency));
    case "bandwidth":
      return new BandwidthRule(fault, fault.bytesPerSecond);
    case "clog":
      return new CutRule((message) => applies(fault, message), "hold");
    case "partition": {
      const groupOf = new Map(fault.groups.flatMap((group, i) => group.map((end) => [end, i])));
      return new CutRule(({ from, to }) => {
        const a = groupOf.get(from);
        const b = groupOf.get(to);
        return a !== undefined && b !== undefined && a !== b;
      }, fault.how);
    }
    case "partition-oneway":
      return new CutRule(
        ({ from, to }) => fault.from.includes(from) && fault.to.includes(to),
        fault.how,
      );
    case "flapping": {
      const period = fault.periodMs * US_PER_MS;
      const down = fault.downMs * US_PER_MS;
      return new CutRule(
        (message, at) => applies(fault, message) && (at - now) % period < down,
        fault.how,
      );
    }
  }
}

function upTo(ms: number, draw: number): number {
  return Math.floor(draw * ms * US_PER_MS);
}

/** Whether the fault applies to the message. Clients are included only if they are named. */
function applies({ from, to, legs }: Links, message: InTransit): boolean {
  return includes(from, message.from) && includes(to, message.to) &&
    (legs === undefined || legs.includes(message.leg));
}

function includes(ends: readonly string[] | undefined, end: string): boolean {
  return ends === undefined ? end !== CLIENTS : ends.includes(end);
}

/** Affects each message with a probability. Always draws twice, so a probability shifts no later draw. */
class ChanceRule implements LinkRule {
  constructor(
    private readonly links: Links,
    private readonly random: SeededRandom,
    private readonly probability: number,
    private readonly effect: (draw: number) => Verdict,
  ) {}

  judge(message: InTransit): Verdict {
    if (!applies(this.links, message)) return PASS;
    const isAffected = this.random.float() < this.probability;
    const draw = this.random.float();
    return isAffected ? this.effect(draw) : PASS;
  }

  clone(): ChanceRule {
    return new ChanceRule(this.links, this.random.clone(), this.probability, this.effect);
  }
}

class DelayRule implements LinkRule {
  constructor(
    private readonly links: Links,
    private readonly random: SeededRandom,
    private readonly latency: Distribution,
  ) {}

  judge(message: InTransit): Verdict {
    if (!applies(this.links, message)) return PASS;
    const laterUs = Math.round(this.latency.sample(this.random) * US_PER_MS);
    return { kind: "deliver", laterUs };
  }

  clone(): DelayRule {
    return new DelayRule(this.links, this.random.clone(), this.latency);
  }
}

/** The messages of a link wait for each other. A queue that is too long drops further ones. */
class BandwidthRule implements LinkRule {
  private readonly freeAt = new Map<string, number>();

  constructor(private readonly links: Links, private readonly bytesPerSecond: number) {}

  judge(message: InTransit, now: number): Verdict {
    if (!applies(this.links, message)) return PASS;
    const link = `${message.from}>${message.to}`;
    const bytes = JSON.stringify(message.content).length;
    const startAt = Math.max(now, this.freeAt.get(link) ?? 0);
    const endAt = startAt + Math.ceil(bytes * 1_000_000 / this.bytesPerSecond);
    if (endAt - now > QUEUE_US_MAX) return DROP;
    this.freeAt.set(link, endAt);
    return { kind: "deliver", laterUs: endAt - now };
  }

  clone(): BandwidthRule {
    const copy = new BandwidthRule(this.links, this.bytesPerSecond);
    for (const [link, at] of this.freeAt) copy.freeAt.set(link, at);
    return copy;
  }
}

class CutRule implements LinkRule {
  private readonly verdict: Verdict;

  constructor(
    private readonly cuts: (message: InTransit, now: number) => boolean,
    how: CutMode,
  ) {
    this.verdict = how === "drop" ? DROP : how === "hold" ? HOLD : REFUSE;
  }

  judge(message: InTransit, now: number): Verdict {
    return this.cuts(message, now) ? this.verdict : PASS;
  }

  /** It has no state. */
  clone(): CutRule {
    return this;
  }
}
