/**
 * Faults of single links, written as in a scenario (`lib/simulation/faults/faults.ts`). They use the
 * simulator's own rules, so a scenario means the same in virtual time and on real processes.
 *
 * A node judges the calls that it makes and their answers. When every node of a cluster has the same
 * faults, each message between them is judged exactly once.
 */
import { parseDistribution, parseLegs } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import { FAULTS, type LinkFault, readFault } from "../../lib/simulation/faults/faults.ts";
import { type InTransit, ruleOf } from "../../lib/simulation/faults/link_rules.ts";
import { Fields, ScenarioError } from "../../lib/simulation/scenario/fields.ts";
import { Network, type NetworkCounters } from "../../lib/simulation/world/network.ts";

/** A link fault without times: it lasts until the next `PUT` or `DELETE` of `/faults`. */
export type LastingLinkFault = LinkFault extends infer F
  ? F extends LinkFault ? Omit<F, "atMs" | "forMs"> : never
  : never;

const LINK_FAULTS_MAX = 64;

/** What to do with a message once it has been judged. A message held back gets its verdict later. */
export interface VerdictHandlers {
  /** It arrives after `laterMs`, and a copy `copyAfterMs` after that; null: no copy. */
  deliver(laterMs: number, copyAfterMs: number | null): void;
  /** The sender is told that the message cannot be delivered. */
  refuse(): void;
  /** It is lost. Neither end is told, but the transport may have to account for it. */
  lose?(): void;
}

export class LinkFaults {
  private readonly network = new Network<VerdictHandlers>(parseLegs("0"), parseDistribution("0"));
  /** Ids of the active rules by the text of their faults: a fault that stays keeps its state. */
  private readonly rules = new Map<string, number>();
  private rulesMade = 0;

  constructor(
    private readonly random: SeededRandom,
    private readonly nowUs: () => number = () => Math.round(performance.now() * 1_000),
  ) {}

  get counters(): Readonly<NetworkCounters> {
    return this.network.counters;
  }

  get isEmpty(): boolean {
    return !this.network.hasRules;
  }

  /** Replaces the active faults. Messages that only ended faults held back are released. */
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

  judge(message: InTransit, handlers: VerdictHandlers): void {
    const verdict = this.network.judge(message, this.nowUs(), handlers);
    switch (verdict.kind) {
      case "pass":
        handlers.deliver(0, null);
        break;
      case "deliver": {
        const { laterUs, copyAfterUs } = verdict;
        handlers.deliver(laterUs / 1_000, copyAfterUs === undefined ? null : copyAfterUs / 1_000);
        break;
      }
      case "refuse":
        handlers.refuse();
        break;
      case "drop":
        handlers.lose?.();
        break;
      case "hold":
        break;
    }
  }
}

/**
 * Reads faults of links between the nodes `ends`. Throws {@link ScenarioError} that names the field,
 * its value and what is allowed.
 */
export function readLinkFaults(given: unknown, ends: readonly string[]): LastingLinkFault[] {
  const description = `a list of at most ${LINK_FAULTS_MAX} link faults`;
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
      const why = "left out, as the fault starts now and lasts until /faults is set again";
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
