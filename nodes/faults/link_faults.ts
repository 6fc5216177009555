/**
 * Faults of single links, in the words of a scenario (`lib/simulation/faults/faults.ts`) and judged by the
 * very rules that the simulator has for them, so that one file means the same on either clock.
 *
 * A node judges the messages of the calls that it makes, there and back. Once every node of a cluster
 * is told the same faults, every message between them has been judged, and once.
 */
import { parseDistribution, parseLegs } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { FAULTS, type LinkFault, readFault } from "../../lib/simulation/faults/faults.ts";
import { type InTransit, ruleOf } from "../../lib/simulation/faults/link_rules.ts";
import { Fields, ScenarioError } from "../../lib/simulation/scenario/fields.ts";
import { Network, type NetworkCounters } from "../../lib/simulation/world/network.ts";

/** Without its times: it lasts until something else is said. */
export type LastingLinkFault = LinkFault extends infer F
  ? F extends LinkFault ? Omit<F, "atMs" | "forMs"> : never
  : never;

const LINK_FAULTS_MAX = 64;

/** What becomes of a message that is neither lost nor held back. */
export interface Passage {
  /** It arrives so much later; where a copy follows, so long after it. */
  deliver(laterMs: number, copyAfterMs: number | null): void;
  /** The sender hears that there is no way. */
  refuse(): void;
  /** It is lost. Nobody hears of that, but whoever carries messages may have to know. */
  lose?(): void;
}

export class LinkFaults {
  private readonly network = new Network<Passage>(parseLegs("0"), parseDistribution("0"));
  /** The rules in force, by the fault's text: one that goes on keeps its state. */
  private readonly rules = new Map<string, number>();
  private rulesMade = 0;

  constructor(
    private readonly random: SeededRandom,
    private readonly nowUs: () => number = () => Math.round(performance.now() * 1_000),
  ) {}

  get counters(): Readonly<NetworkCounters> {
    return this.network.counters;
  }

  get areOff(): boolean {
    return !this.network.hasRules;
  }

  /** These are in force from now on. What only faults now over have held back is let go. */
  set(faults: readonly LastingLinkFault[]): void {
    const wanted = new Map(faults.map((fault) => [JSON.stringify(fault), fault]));
    for (const [text, fault] of wanted) {
      if (this.rules.has(text)) continue;
      const id = ++this.rulesMade;
      const whole = { ...fault, atMs: 0, forMs: 0 } as LinkFault;
      this.network.addRule(id, ruleOf(whole, this.nowUs(), this.random.child(`rule ${id}`)));
      this.rules.set(text, id);
    }
    for (const [text, id] of [...this.rules]) {
      if (wanted.has(text)) continue;
      this.rules.delete(text);
      for (const { message, packet } of this.network.liftRule(id)) this.judge(message, packet);
    }
  }

  judge(message: InTransit, passage: Passage): void {
    const verdict = this.network.judge(message, this.nowUs(), passage);
    switch (verdict.kind) {
      case "pass":
        passage.deliver(0, null);
        break;
      case "deliver": {
        const { laterUs, copyAfterUs } = verdict;
        passage.deliver(laterUs / 1_000, copyAfterUs === undefined ? null : copyAfterUs / 1_000);
        break;
      }
      case "refuse":
        passage.refuse();
        break;
      case "drop":
        passage.lose?.();
        break;
      case "hold":
        break;
    }
  }
}

/**
 * Reads such faults between `ends`. Throws {@link ScenarioError} with the field, the value and what is
 * allowed.
 */
export function readLinkFaults(given: unknown, ends: readonly string[]): LastingLinkFault[] {
  const description = `a list of at most ${LINK_FAULTS_MAX} faults of links`;
  if (!Array.isArray(given) || given.length > LINK_FAULTS_MAX) {
    throw new ScenarioError("links", description, given);
  }
  return given.map((each: unknown, i) => {
    const path = `links[${i}]`;
    const kind = new Fields(path, each).raw("kind");
    const names = Object.keys(FAULTS).filter((name) => isLinkKind(name));
    if (!names.some((name) => name === kind)) {
      throw new ScenarioError(`${path}.kind`, `one of ${names.join(", ")}`, kind);
    }
    for (const time of ["atMs", "forMs"] as const) {
      if (!Object.hasOwn(each as object, time)) continue;
      const why = "left out, as it lasts from now until something else is said";
      throw new ScenarioError(`${path}.${time}`, why, (each as Record<string, unknown>)[time]);
    }
    const fault = readFault(new Fields(path, { ...each as object, atMs: 0, forMs: 0 }), ends);
    const { atMs: _at, forMs: _for, ...lasting } = fault as LinkFault;
    return lasting as LastingLinkFault;
  });
}

function isLinkKind(kind: string): boolean {
  return FAULTS[kind as keyof typeof FAULTS].group === "network";
}
