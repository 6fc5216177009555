/**
 * The faults that a node injects into itself, as it was told at `/faults`. There is one of these only
 * in a node that was started with `--allow-faults`; any other has nothing but `--latency` between it
 * and the network.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { type Legs, parseLegs } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import type { InTransit } from "../../lib/simulation/faults/link_rules.ts";
import type { NetworkCounters } from "../../lib/simulation/world/network.ts";
import { type FaultSettings, NO_FAULTS } from "./fault_settings.ts";
import { linkRulesOf } from "./flat_faults.ts";
import { LinkFaults, type Passage } from "./link_faults.ts";

/** What has been done wrong since the start. */
interface InjectedFaults {
  readonly callsCut: number;
  readonly callsRefused: number;
  readonly messagesDropped: number;
  readonly callsDuplicated: number;
  readonly diskFailures: number;
}

export class Faults {
  private current: FaultSettings = NO_FAULTS;
  private readonly cut: LinkFaults;
  private readonly chance: LinkFaults;
  private readonly links: LinkFaults;
  private readonly incoming: LinkFaults;
  private diskFailures = 0;
  /** Extra delays; null: none. */
  legs: Legs | null = null;

  constructor(private readonly self: NodeId, private readonly random: SeededRandom) {
    this.cut = new LinkFaults(random.child("cut"));
    this.chance = new LinkFaults(random.child("chance"));
    this.links = new LinkFaults(random.child("links"));
    this.incoming = new LinkFaults(random.child("incoming"));
  }

  get settings(): FaultSettings {
    return this.current;
  }

  get injected(): InjectedFaults {
    const { dropped: messagesDropped, duplicated: callsDuplicated } = this.chance.counters;
    return {
      callsCut: this.cut.counters.dropped,
      callsRefused: this.incoming.counters.dropped,
      messagesDropped,
      callsDuplicated,
      diskFailures: this.diskFailures,
    };
  }

  /** Of the faults of single links. */
  get linkCounters(): Readonly<NetworkCounters> {
    return this.links.counters;
  }

  set(settings: FaultSettings): void {
    this.current = settings;
    this.legs = settings.latency === null ? null : parseLegs(settings.latency);
    const { calls, incoming } = linkRulesOf(settings, this.self);
    this.cut.set(calls.cut);
    this.chance.set(calls.chance);
    this.links.set(calls.links);
    this.incoming.set(incoming);
  }

  /** What becomes of a message of a call that this node makes. */
  judge(message: InTransit, passage: Passage): void {
    judgeInTurn([this.cut, this.chance, this.links], message, passage);
  }

  /** What becomes of another's call that has come here. */
  judgeIncoming(message: InTransit, passage: Passage): void {
    this.incoming.judge(message, passage);
  }

  diskFails(access: "loads" | "stores"): boolean {
    const { failing, operations } = this.current.disk;
    const mayFail = operations === "both" || operations === access;
    if (!mayFail || !this.happens(failing)) return false;
    this.diskFailures++;
    return true;
  }

  diskIsFull(): boolean {
    if (!this.current.disk.full) return false;
    this.diskFailures++;
    return true;
  }

  happens(probability: number): boolean {
    return probability > 0 && this.random.float() < probability;
  }
}

/** What one lets pass the next one judges. Delays add up, and a message is doubled once. */
function judgeInTurn(
  [first, ...others]: readonly LinkFaults[],
  message: InTransit,
  passage: Passage,
): void {
  if (first === undefined) {
    passage.deliver(0, null);
    return;
  }
  if (first.areOff) {
    judgeInTurn(others, message, passage);
    return;
  }
  first.judge(message, {
    ...passage,
    deliver: (laterMs, copyAfterMs) =>
      judgeInTurn(others, message, {
        ...passage,
        deliver: (alsoMs, alsoCopyAfterMs) =>
          passage.deliver(laterMs + alsoMs, copyAfterMs ?? alsoCopyAfterMs),
      }),
  });
}
