/**
 * Stands between a replica and its peers, where the injected network is: latency (`--latency`, and what
 * `/faults` adds to it), and messages that `/faults` loses, holds back or doubles.
 *
 * The latency is that of PBS's WARS model (VLDB 2012, section 4.1): W before a write leaves and A before
 * its acknowledgement is heard, R and S likewise for reads. Each message has a fate of its own, drawn
 * when it sets out, whatever it travels with.
 */
import { refusal } from "../../lib/dynamo/types/errors.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { legDelayMs, type Legs, type MessageLeg } from "../../lib/random/latency.ts";
import { legsOfCall } from "../../lib/random/message_legs.ts";
import type { FloatSource } from "../../lib/random/seeded.ts";
import type { InTransit } from "../../lib/simulation/faults/link_rules.ts";
import type { CallAnswer, PeerCaller } from "../host/host.ts";
import { DelayLine } from "./delay_line.ts";
import type { Faults } from "./faults.ts";

type PeerHandler = (
  from: NodeId,
  request: PeerRequest,
  answer: (reply: PeerReply) => void,
) => void;

interface FaultyCallerOptions {
  readonly inner: PeerCaller;
  readonly self: NodeId;
  /** Members by id; null for a node that is none. */
  readonly memberOf: (id: NodeId) => Member | null;
  /** Injected latency; none when left out. */
  readonly legs?: Legs | undefined;
  /** Null: none can be asked for. */
  readonly faults: Faults | null;
  /** What delays are drawn from. */
  readonly random: FloatSource;
}

export class FaultyCaller implements PeerCaller {
  private readonly delays = new DelayLine();

  constructor(private readonly options: FaultyCallerOptions) {
    if (options.legs !== undefined) this.delays.start();
  }

  call(
    to: NodeId,
    request: PeerRequest,
    timeoutMs: number,
    answer: (answer: CallAnswer) => void,
  ): void {
    const { inner, self } = this.options;
    const [there, back] = legsOfCall(request.method);
    const deadline = performance.now() + timeoutMs;
    // A refusal is known at once, but not before this returns.
    const refuse = () =>
      queueMicrotask(() =>
        answer({ kind: "failed", reason: "no route to host", undelivered: true })
      );
    this.travel({ from: self, to, leg: there, content: request }, refuse, (copyAfterMs) => {
      inner.call(to, request, deadline - performance.now(), (outcome) => {
        // A failure is no message: it is known at once.
        if (outcome.kind === "failed") return answer(outcome);
        // Only now: a call whose original is taken for lost must not be carried out by a copy.
        if (copyAfterMs !== null) this.sendCopy(to, request, timeoutMs, copyAfterMs);
        // Whoever sends an answer that is turned back hears of that, and has nobody to tell.
        const reply = { from: to, to: self, leg: back, content: outcome };
        this.travel(reply, () => {}, () => answer(outcome));
      });
    });
  }

  /** Messages that are held back. */
  get messagesDelayed(): number {
    return this.delays.length;
  }

  close(): void {
    this.delays.close();
  }

  /** `arrive` is not called for a message that is lost. */
  private travel(
    message: InTransit,
    refuse: () => void,
    arrive: (copyAfterMs: number | null) => void,
  ): void {
    const deliver = (laterMs: number, copyAfterMs: number | null) =>
      this.delays.after(laterMs + this.latencyMs(message), () => arrive(copyAfterMs));
    const { faults } = this.options;
    if (faults === null) deliver(0, null);
    else faults.judge(message, { deliver, refuse });
  }

  /** Nobody waits for what it is answered. */
  private sendCopy(to: NodeId, request: PeerRequest, timeoutMs: number, afterMs: number): void {
    const { inner } = this.options;
    this.delays.after(afterMs, () => inner.call(to, request, timeoutMs, () => {}));
  }

  private latencyMs({ from, to, leg }: InTransit): number {
    const { legs, faults } = this.options;
    const extra = faults?.legs ?? null;
    return (legs === undefined ? 0 : this.drawnMs(legs, leg, from, to)) +
      (extra === null ? 0 : this.drawnMs(extra, leg, from, to));
  }

  private drawnMs(legs: Legs, leg: MessageLeg, from: NodeId, to: NodeId): number {
    const { memberOf, random } = this.options;
    // Asked each time: a node that joins is no member of any zone at its first call.
    const zone = memberOf(from)?.zone;
    const isNear = zone !== undefined && memberOf(to)?.zone === zone;
    return legDelayMs(legs, leg, random, isNear);
  }
}

/** Calls of peers that a partition keeps out: they find a node that is silent, not one that refuses. */
export class FaultyListener {
  private readonly lost = new DelayLine();

  /** `patienceMs`: for how long a caller may listen. */
  constructor(
    private readonly self: NodeId,
    private readonly faults: Faults,
    private readonly inner: PeerHandler,
    private readonly patienceMs: number,
  ) {}

  readonly handle: PeerHandler = (from, request, answer) => {
    const [leg] = legsOfCall(request.method);
    // Whoever carries calls counts them as in hand until they are answered; by then nobody listens.
    const error = refusal("overloaded", "the call was lost, as /faults says it should");
    const endLater = () =>
      this.lost.after(this.patienceMs, () => answer({ status: "error", error }));
    this.faults.judgeIncoming({ from, to: this.self, leg, content: request }, {
      deliver: () => this.inner(from, request, answer),
      refuse: endLater,
      lose: endLater,
    });
  };

  close(): void {
    this.lost.close();
  }
}
