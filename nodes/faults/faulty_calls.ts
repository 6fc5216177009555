/**
 * The injected network between a replica and its peers. It adds latency (`--latency` and that of
 * `/faults`), and it loses, holds back or duplicates messages as `/faults` asks.
 *
 * Latency follows the WARS model of PBS (VLDB 2012, section 4.1): W delays a write, A its
 * acknowledgement, R a read and S its response. Each message's delay is drawn when it is sent,
 * independently of others that share a connection with it.
 */
import { refusal } from "../../lib/dynamo/types/errors.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { legDelayMs, type Legs, type MessageLeg } from "../../lib/random/latency.ts";
import { legsOfCall } from "../../lib/random/message_legs.ts";
import type { FloatSource } from "../../lib/random/seeded.ts";
import type { InTransit } from "../../lib/simulation/faults/link_rules.ts";
import type { CallAnswer, PeerCaller } from "../rpc/peer_caller.ts";
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
  /** The member with this id; null if there is none. */
  readonly memberOf: (id: NodeId) => Member | null;
  /** Injected latency; none when left out. */
  readonly legs?: Legs | undefined;
  /** Null: the node was started without `--allow-faults`. */
  readonly faults: Faults | null;
  /** Delays are drawn from it. */
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
    // The caller learns of a refusal at once, but only after this function has returned.
    const refuse = () =>
      queueMicrotask(() =>
        answer({ kind: "failed", reason: "no route to host", undelivered: true })
      );
    this.travel({ from: self, to, leg: there, content: request }, refuse, (copyAfterMs) => {
      inner.call(to, request, deadline - performance.now(), (outcome) => {
        // A failure is not a message, so nothing delays it.
        if (outcome.kind === "failed") return answer(outcome);
        // Not earlier: a copy must never execute a call that the caller was told is undelivered.
        if (copyAfterMs !== null) this.sendCopy(to, request, timeoutMs, copyAfterMs);
        // When an answer is refused, only its sender learns of it, so the caller hears nothing.
        const reply = { from: to, to: self, leg: back, content: outcome };
        this.travel(reply, () => {}, () => answer(outcome));
      });
    });
  }

  /** Messages that are being delayed. */
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

  /** The answer to a copy is ignored. */
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
    // Looked up for every message: a joining node has no zone at its first call.
    const zone = memberOf(from)?.zone;
    const isNear = zone !== undefined && memberOf(to)?.zone === zone;
    return legDelayMs(legs, leg, random, isNear);
  }
}

/** Loses peers' calls that a partition keeps out: their callers get no answer, not a refusal. */
export class FaultyListener {
  private readonly lost = new DelayLine();

  /** `patienceMs` is the longest time that a caller waits for an answer. */
  constructor(
    private readonly self: NodeId,
    private readonly faults: Faults,
    private readonly inner: PeerHandler,
    private readonly patienceMs: number,
  ) {}

  readonly handle: PeerHandler = (from, request, answer) => {
    const [leg] = legsOfCall(request.method);
    // The transport counts a call until it is answered. By then its caller has stopped waiting.
    const error = refusal("overloaded", "the call was lost by a fault set at /faults");
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
