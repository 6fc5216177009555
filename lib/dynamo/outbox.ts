/** Sends the effects of a step to the host, with the ids under which their outcomes come back. */
import type { MembershipDocument } from "./membership/membership_state.ts";
import type { Position } from "./ring/position.ts";
import type { DiskState } from "./types/boot.ts";
import type { EffectSink, Reply } from "./types/events.ts";
import type { Micros, NodeId } from "./types/ids.ts";
import type { Observation } from "./types/observations.ts";
import type { PeerRequest } from "./types/peer_messages.ts";
import type { HintChange, KeyPlace, StoredRecord } from "./types/records.ts";
import { assert } from "./util/assert.ts";
import { IdTable } from "./util/id_table.ts";

/** Between steps there is no sink: a replica must not cause effects then. */
const NOWHERE: EffectSink = {
  push: ({ kind }) => {
    throw new Error(`A replica asks for '${kind}' outside a step`);
  },
};

export class Outbox {
  /** The time of the step under way. */
  now: Micros = 0;
  private effects: EffectSink = NOWHERE;
  private lastId = 0;
  /** Requests of clients, peers and operators that have no answer yet. */
  private readonly unanswered = new IdTable<true>();

  /** Sends effects to the caller's sink for one step at `now`. */
  open(now: Micros, effects: EffectSink): void {
    this.now = now;
    this.effects = effects;
  }

  /** Forgets the sink: a clone of the replica must not share it. */
  close(): void {
    this.effects = NOWHERE;
  }

  nextId(): number {
    return ++this.lastId;
  }

  call(to: NodeId, request: PeerRequest, timeoutMs: number): number {
    const id = this.nextId();
    this.effects.push({ kind: "call", id, to, request, timeoutMs });
    return id;
  }

  /** A request has come in, and is to be answered once. */
  accept(id: number): void {
    assert(this.unanswered.set(id, true), "requests under way have ids of their own", id);
  }

  respond(id: number, reply: Reply): void {
    assert(
      this.unanswered.take(id) === true,
      "a request is answered at most once",
      id,
      reply.status,
    );
    this.effects.push({ kind: "respond", id, reply });
  }

  load(key: string, position: Position): number {
    const id = this.nextId();
    this.effects.push({ kind: "load", id, key, position });
    return id;
  }

  store(record: StoredRecord, position: Position, hints: HintChange | null): number {
    const id = this.nextId();
    this.effects.push(
      hints === null
        ? { kind: "store", id, position, record }
        : { kind: "store", id, position, record, hints },
    );
    return id;
  }

  remove(key: string, position: Position, hints: HintChange | null): number {
    const id = this.nextId();
    this.effects.push(
      hints === null
        ? { kind: "remove", id, key, position }
        : { kind: "remove", id, key, position, hints },
    );
    return id;
  }

  scan(
    range: { readonly from?: Position; readonly to?: Position },
    after: KeyPlace | null,
    limit: number,
  ): number {
    const id = this.nextId();
    this.effects.push({ kind: "scan", id, ...range, after, limit });
    return id;
  }

  /** A scan past every cache. */
  scanDisk(
    range: { readonly from?: Position; readonly to?: Position },
    after: KeyPlace | null,
    limit: number,
  ): number {
    const id = this.nextId();
    this.effects.push({ kind: "scan", id, ...range, after, limit, fromDisk: true });
    return id;
  }

  scanHints(target: NodeId, after: KeyPlace | null, limit: number): number {
    const id = this.nextId();
    this.effects.push({ kind: "scan-hints", id, target, after, limit });
    return id;
  }

  save(document: MembershipDocument): number {
    const id = this.nextId();
    this.effects.push({ kind: "save", id, document });
    return id;
  }

  timer(at: Micros): number {
    const id = this.nextId();
    this.effects.push({ kind: "timer", id, at });
    return id;
  }

  saveDiskState(state: DiskState): number {
    const id = this.nextId();
    this.effects.push({ kind: "save-disk-state", id, state });
    return id;
  }

  emit(observation: Observation): void {
    this.effects.push({ kind: "emit", observation });
  }
}
