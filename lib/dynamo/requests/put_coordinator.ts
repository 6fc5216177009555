/**
 * One write, coordinated: commit it here, then send *the whole merged record* to the other first N
 * nodes, and reply after W have committed it (SOSP 2007, section 4.5).
 *
 * Both halves of that sentence keep the promise of clock entries (`clock.ts`). Committed first: a
 * dot that was sent but lost here in a crash could be issued again. The whole record: a replica that
 * learns of dot (a, 5) must learn of whatever became of (a, 4) as well.
 *
 * Pure bookkeeping: `Writes` sends, this decides. A delete is a write of a tombstone.
 */
import type { Placement } from "../ring/placement.ts";
import type { DeleteRequest, PutRequest, WriteReply } from "../types/client_messages.ts";
import type { DynamoError } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import { assert } from "../util/assert.ts";
import type { CausalContext, Siblings } from "../versions/versions.ts";
import { ReplicaResponses, tooFew } from "./replica_responses.ts";
import type { ResolvedOptions } from "./request_options.ts";

export class PutCoordinator {
  readonly kind = "put";
  readonly responses: ReplicaResponses;
  /** For the client's reply: what it has seen once this write is done. Null until it is committed here. */
  replyContext: CausalContext | null = null;
  /** What is committed here: all siblings of the key, for the other replicas. */
  siblings: Siblings = [];
  /** When the client had its answer. */
  repliedAt: Micros | null = null;

  constructor(
    readonly id: number,
    readonly request: PutRequest | DeleteRequest,
    /** The context written over: the client's, or what the coordinator read for a bare delete. */
    readonly context: CausalContext | null,
    readonly options: ResolvedOptions,
    readonly startedAt: Micros,
    readonly placement: Placement,
  ) {
    this.responses = new ReplicaResponses(startedAt);
  }

  get key(): string {
    return this.request.key;
  }

  addAck(node: NodeId, now: Micros): void {
    this.responses.answer(node, null, now);
  }

  addFailure(node: NodeId, reason: string, now: Micros): void {
    this.responses.fail(node, reason, now);
  }

  /** W nodes have committed, PW of them primaries. */
  get enough(): boolean {
    const { answered, answeredPrimaries } = this.responses;
    return this.replyContext !== null && answered >= this.options.w &&
      answeredPrimaries >= this.options.pw;
  }

  get hopeless(): boolean {
    const { answered, pending } = this.responses;
    return answered + pending < this.options.w || this.lacksPrimaries;
  }

  private get lacksPrimaries(): boolean {
    const { answeredPrimaries, pendingPrimaries } = this.responses;
    return answeredPrimaries + pendingPrimaries < this.options.pw;
  }

  get settled(): boolean {
    return this.responses.pending === 0;
  }

  reply(coordinator: NodeId): WriteReply {
    assert(
      this.replyContext !== null,
      "a write is committed here before it is acknowledged",
      this.key,
    );
    const acks = [...this.responses.answerers];
    const { w } = this.options;
    assert(acks.length >= w, "a write is acknowledged by W nodes", w, acks);
    return {
      status: "written",
      key: this.key,
      context: this.replyContext,
      coordinator,
      acks,
      hints: this.placement.hintsAt(acks),
      replicas: this.responses.traces(),
    };
  }

  /** Too few acknowledged; the write may exist where it was sent, so it is never definite. */
  failure(): DynamoError {
    const { answered, answeredPrimaries, pending } = this.responses;
    const { w, pw } = this.options;
    // Where primaries are lacking it is given up before W is in, though W could still be had.
    const lacksW = answered + pending < w || (answered < w && !this.lacksPrimaries);
    const [needed, got] = lacksW ? [w, answered] : [pw, answeredPrimaries];
    const arrived = lacksW
      ? tooFew(got, needed, "acknowledgement", `W=${w}`)
      : tooFew(got, needed, "acknowledgement", `PW=${pw}`, "from primaries");
    return {
      code: "quorum-not-met",
      message: `${arrived}: '${this.key}' may have been written on some replicas`,
      definite: false,
      needed,
      got,
      unreachable: this.responses.missing(),
    };
  }
}
