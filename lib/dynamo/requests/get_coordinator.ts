/**
 * One read, coordinated: ask the first N nodes, merge what R of them answer, reply, then go on
 * listening so that stale replicas can be repaired (SOSP 2007, sections 4.5 and 5).
 *
 * Pure bookkeeping: `Reads` sends, this decides.
 */
import type { Placement } from "../ring/placement.ts";
import type { ClientRequest, ReadReply } from "../types/client_messages.ts";
import type { DynamoError } from "../types/errors.ts";
import type { Micros, NodeId } from "../types/ids.ts";
import { assert } from "../util/assert.ts";
import { merged } from "../versions/sound.ts";
import { contextOf, type Siblings, valuesOf, type Versioning } from "../versions/versions.ts";
import { ReplicaResponses, tooFew } from "./replica_responses.ts";
import type { ResolvedOptions } from "./request_options.ts";

/** Why a record is read: for a client, before a delete that came without context, or to heal a damaged one. */
export type ReadPurpose = "get" | "delete" | "recover";

/** An error message names this many recovering replicas, with this many characters for each. */
const RECOVERIES_TOLD = 3;
const REASON_MAX = 300;

export class GetCoordinator {
  readonly kind = "get";
  readonly responses: ReplicaResponses;
  /** The merge of all answers so far. */
  merged: Siblings = [];
  /** When the client had its answer; later replies only feed read repair. */
  repliedAt: Micros | null = null;
  private readonly versioning: Versioning;

  constructor(
    readonly id: number,
    readonly request: ClientRequest,
    readonly purpose: ReadPurpose,
    readonly options: ResolvedOptions,
    readonly startedAt: Micros,
    readonly placement: Placement | null,
    versioning: Versioning,
  ) {
    this.responses = new ReplicaResponses(startedAt);
    this.versioning = versioning;
  }

  get key(): string {
    return this.request.key;
  }

  addReply(node: NodeId, siblings: Siblings, now: Micros): void {
    if (!this.responses.answer(node, siblings, now)) return;
    this.merged = merged(this.versioning, this.merged, siblings);
  }

  addFailure(node: NodeId, reason: string, now: Micros, isRecovering = false): void {
    this.responses.fail(node, reason, now, isRecovering);
  }

  /**
   * R replies are in, PR of them from primaries. A stand-in that holds nothing counts only when no
   * primary is left to wait for, and "absent" needs a reply of at least one primary.
   */
  get enough(): boolean {
    const { answeredPrimaries } = this.responses;
    const primariesNeeded = Math.max(this.options.pr, this.merged.length === 0 ? 1 : 0);
    return this.counted >= this.options.r && answeredPrimaries >= primariesNeeded;
  }

  /** Too few are left to answer for {@link enough} ever to hold. */
  get hopeless(): boolean {
    const { answered, pending } = this.responses;
    return pending === 0
      ? !this.enough
      : answered + pending < this.options.r || this.lacksPrimaries;
  }

  private get lacksPrimaries(): boolean {
    const { answeredPrimaries, pendingPrimaries } = this.responses;
    return answeredPrimaries + pendingPrimaries < this.options.pr;
  }

  private get counted(): number {
    const { answered, emptyStandIns, pendingPrimaries, passedOverPrimaries } = this.responses;
    return pendingPrimaries > passedOverPrimaries ? answered - emptyStandIns : answered;
  }

  /** Whether no replica is waited for any more. */
  get settled(): boolean {
    return this.responses.pending === 0;
  }

  reply(coordinator: NodeId): ReadReply {
    const { answerers } = this.responses;
    const { r } = this.options;
    assert(answerers.length >= r, "a read is answered by R nodes", r, answerers);
    return {
      status: "read",
      key: this.key,
      siblings: valuesOf(this.merged),
      context: this.merged.length === 0 ? null : contextOf(this.merged),
      coordinator,
      fastest: this.responses.answerers[0] ?? coordinator,
      replicas: this.responses.traces(),
    };
  }

  failure(): DynamoError {
    const { answered, answeredPrimaries, pending } = this.responses;
    const { r, pr } = this.options;
    // Where primaries are lacking it is given up before R is in, though R could still be had.
    const lacksR = answered + pending < r || (answered < r && !this.lacksPrimaries);
    const needed = lacksR ? r : Math.max(1, pr);
    const got = lacksR ? answered : answeredPrimaries;
    const message = lacksR
      ? `${tooFew(got, needed, "reply", `R=${r}`)} for '${this.key}'`
      : pr === 0
      ? `No primary of '${this.key}' replied, and only a primary can say that it is absent`
      : `${tooFew(got, needed, "reply", `PR=${pr}`, "from primaries")} for '${this.key}'`;
    return {
      code: "quorum-not-met",
      message: [message, ...this.recoveries()].join(". "),
      definite: true,
      needed,
      got,
      unreachable: this.responses.missing(),
    };
  }

  /** Why recovering replicas did not count, for the error message. */
  private recoveries(): string[] {
    return this.responses.recoveries().slice(0, RECOVERIES_TOLD)
      .map((reason) => reason.length > REASON_MAX ? `${reason.slice(0, REASON_MAX)}…` : reason);
  }

  /** Primaries whose answer differs from the merge of all answers. */
  stale(): NodeId[] {
    return this.responses.primariesWithout(this.merged);
  }
}
