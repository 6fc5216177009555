/**
 * The faults that a node injects into itself, as set at `/faults`. Only a node that was started with
 * `--allow-faults` has this object.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import { type Legs, parseLegs } from "../../lib/random/latency.ts";
import type { SeededRandom } from "../../lib/random/seeded.ts";
import type { InTransit } from "../../lib/simulation/faults/link_rules.ts";
import type { NetworkCounters } from "../../lib/simulation/world/network.ts";
import { type FaultSettings, NO_FAULTS } from "./fault_settings.ts";
import { linkRulesOf } from "./flat_faults.ts";
import { LinkFaults, type VerdictHandlers } from "./link_faults.ts";

/** How often each fault has been injected since the start. */
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
  /** Extra latency; null: none. */
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

  /** What the faults of single links have done. */
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

  /** Decides what happens to a message of a call that this node makes. */
  judge(message: InTransit, handlers: VerdictHandlers): void {
    judgeInTurn([this.cut, this.chance, this.links], message, handlers);
  }

  /** Decides what happens to a peer's call that has arrived here. */
  judgeIncoming(message: InTransit, handlers: VerdictHandlers): void {
    this.incoming.judge(message, handlers);
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

/**
 * Each set of faults judges what the sets before it delivered. Delays add up. A message is duplicated
 * at most once.
 */
function judgeInTurn(
  [first, ...others]: readonly LinkFaults[],
  message: InTransit,
  handlers: VerdictHandlers,
): void {
  if (first === undefined) {
    handlers.deliver(0, null);
    return;
  }
  if (first.isEmpty) {
    judgeInTurn(others, message, handlers);
    return;
  }
  first.judge(message, {
    ...handlers,
    deliver: (laterMs, copyAfterMs) =>
      judgeInTurn(others, message, {
        ...handlers,
        deliver: (furtherMs, laterCopyAfterMs) =>
          handlers.deliver(laterMs + furtherMs, copyAfterMs ?? laterCopyAfterMs),
      }),
  });
}
