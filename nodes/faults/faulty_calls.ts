/**
 * Stands between a replica and its peers, and does to their calls what `/faults` says: loses, delays
 * and doubles messages. As with `--latency`, each message has a fate of its own, whatever it travels with.
 */
import { refusal } from "../../lib/dynamo/types/errors.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { type Leg, legDelayMs } from "../../lib/random/latency.ts";
import type { FloatSource } from "../../lib/random/seeded.ts";
import type { CallAnswer, PeerCaller } from "../host/host.ts";
import { DelayLine } from "./delay_line.ts";
import type { Faults } from "./faults.ts";
import { FifoDelay } from "./fifo_delay.ts";
import type { Passage } from "./link_faults.ts";

type PeerHandler = (
  from: NodeId,
  request: PeerRequest,
  answer: (reply: PeerReply) => void,
) => void;
type Answer = (answer: CallAnswer) => void;

export class FaultyCaller implements PeerCaller {
  private readonly delays = new DelayLine();

  constructor(
    private readonly inner: PeerCaller,
    private readonly faults: Faults,
    private readonly self: NodeId,
    private readonly memberOf: (id: NodeId) => Member | null,
    private readonly random: FloatSource,
  ) {}

  call(to: NodeId, request: PeerRequest, timeoutMs: number, answer: Answer): void {
    const { faults } = this;
    if (faults.cuts("out", to)) {
      // Whoever called has timers of its own: a black hole says nothing.
      faults.injected.callsCut++;
      return;
    }
    const copies = faults.duplicates() ? 2 : 1;
    const answerOnce = copies === 1 ? answer : firstOf(copies, answer);
    for (let copy = 0; copy < copies; copy++) this.send(to, request, timeoutMs, answerOnce);
  }

  close(): void {
    this.delays.close();
  }

  private send(to: NodeId, request: PeerRequest, timeoutMs: number, answer: Answer): void {
    const { faults } = this;
    const [there, back] = legsOf(request);
    if (faults.drops()) return;
    this.travel(this.self, to, there, request, {
      deliver: (laterMs, copyAfterMs) => {
        this.delays.after(this.delayMs(there, to) + laterMs, () => {
          this.inner.call(to, request, timeoutMs, (outcome) => {
            // A failure is no message: it is known at once.
            if (outcome.kind === "failed") return answer(outcome);
            // Only now: a call whose original is taken for lost must not be carried out by a copy.
            if (copyAfterMs !== null) this.sendCopy(to, request, timeoutMs, copyAfterMs);
            this.bring(to, back, outcome, answer);
          });
        });
      },
      refuse: () => answer({ kind: "failed", reason: "no route to host", undelivered: true }),
    });
  }

  /** The answer's way back. */
  private bring(from: NodeId, leg: Leg | "other", outcome: CallAnswer, answer: Answer): void {
    if (this.losesAnswerOf(from)) return;
    this.travel(from, this.self, leg, outcome, {
      deliver: (laterMs) => {
        this.delays.after(this.delayMs(leg, from) + laterMs, () => answer(outcome));
      },
      // Whoever sent it hears of that, and has nobody to tell.
      refuse: () => {},
    });
  }

  private travel(
    from: NodeId,
    to: NodeId,
    leg: Leg | "other",
    content: unknown,
    passage: Passage,
  ): void {
    const { links } = this.faults;
    if (links.areOff) passage.deliver(0, null);
    else links.judge({ from, to, leg, content }, passage);
  }

  /** Nobody waits for what it is answered. */
  private sendCopy(to: NodeId, request: PeerRequest, timeoutMs: number, afterMs: number): void {
    this.delays.after(afterMs, () => this.inner.call(to, request, timeoutMs, () => {}));
  }

  /** An answer may set out before a cut and be lost in it. */
  private losesAnswerOf(to: NodeId): boolean {
    const { faults } = this;
    if (!faults.cuts("in", to) || !faults.cuts("out", to)) return faults.drops();
    faults.injected.callsCut++;
    return true;
  }

  private delayMs(leg: Leg | "other", to: NodeId): number {
    const { faults: { legs }, random } = this;
    if (legs === null) return 0;
    if (leg === "other") return legs.other.sample(random);
    return legDelayMs(legs, leg, random, this.isNear(to));
  }

  private isNear(to: NodeId): boolean {
    const zone = this.memberOf(this.self)?.zone;
    return zone !== undefined && this.memberOf(to)?.zone === zone;
  }
}

function legsOf({ method }: PeerRequest): readonly [there: Leg | "other", back: Leg | "other"] {
  if (method === "replica.get") return ["R", "S"];
  return method === "replica.put" ? ["W", "A"] : ["other", "other"];
}

/**
 * The first answer of several copies of a call. A failure counts only when all have failed, and as
 * undelivered only when none arrived: else a write that one copy made would be made once more elsewhere.
 */
function firstOf(copies: number, answer: Answer): Answer {
  let missing = copies;
  let arrived = false;
  let over = false;
  return (outcome) => {
    if (over) return;
    missing--;
    if (outcome.kind === "reply") {
      over = true;
      answer(outcome);
      return;
    }
    arrived ||= !outcome.undelivered;
    if (missing === 0) answer({ ...outcome, undelivered: !arrived });
  };
}

/** Calls of peers that a partition keeps out: they find a node that is silent, not one that refuses. */
export class FaultyListener {
  private readonly lost = new FifoDelay();

  /** `patienceMs`: for how long a caller may listen. */
  constructor(
    private readonly faults: Faults,
    private readonly inner: PeerHandler,
    private readonly patienceMs: number,
  ) {}

  readonly handle: PeerHandler = (from, request, answer) => {
    if (!this.faults.cuts("in", from)) {
      this.inner(from, request, answer);
      return;
    }
    this.faults.injected.callsRefused++;
    // Whoever carries calls counts them as in hand until they are answered; by then nobody listens.
    const error = refusal("overloaded", "the call was lost, as /faults says it should");
    this.lost.after(this.patienceMs, () => answer({ status: "error", error }));
  };

  close(): void {
    this.lost.close();
  }
}
