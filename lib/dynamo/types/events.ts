/**
 * The interface between the protocol and its host: what a replica gets, and what it requests.
 *
 * A host delivers {@link Event}s to `Replica.step` and carries out the {@link Effect}s that come
 * back. It decides nothing: `nodes/host/host.ts` does it over HTTP/2, Deno KV and the wall clock,
 * `lib/simulation` over a heap of virtual events. Everything here is JSON.
 *
 * Ids are integers chosen by the side that begins: the host for incoming requests, the
 * replica for calls, loads and stores. Each is answered at most once; late or unknown ids are ignored.
 */
import type { MembershipDocument } from "../membership/membership_state.ts";
import type { Position } from "../ring/position.ts";
import type { AdminReply, AdminRequest } from "./admin.ts";
import type { DiskState } from "./boot.ts";
import type { ClientReply, ClientRequest } from "./client_messages.ts";
import type { Micros, NodeId } from "./ids.ts";
import type { Observation } from "./observations.ts";
import type { PeerReply, PeerRequest } from "./peer_messages.ts";
import type { HintChange, KeyPlace, StoredRecord } from "./records.ts";

/** Any answer of a replica. */
export type Reply = ClientReply | PeerReply | AdminReply;

// Events and effects ------------------------------------------------------------------------------

export type Event =
  /** The node runs: the first event of a boot. */
  | { readonly kind: "start" }
  | { readonly kind: "client"; readonly id: number; readonly request: ClientRequest }
  | {
    readonly kind: "peer";
    readonly id: number;
    readonly from: NodeId;
    readonly request: PeerRequest;
  }
  /** A request of an operator. */
  | { readonly kind: "admin"; readonly id: number; readonly request: AdminRequest }
  | { readonly kind: "reply"; readonly id: number; readonly reply: PeerReply }
  | {
    readonly kind: "call-failed";
    readonly id: number;
    /** True when the peer certainly never saw the call: only then may a write be sent elsewhere. */
    readonly undelivered: boolean;
    readonly reason: string;
  }
  | { readonly kind: "loaded"; readonly id: number; readonly record: StoredRecord | null }
  /** `writes`: how many changes the disk has taken by now. */
  | { readonly kind: "stored"; readonly id: number; readonly writes?: number }
  | {
    readonly kind: "storage-failed";
    readonly id: number;
    readonly reason: string;
    /** Loads: there is a record, but it is damaged. It must not be taken for an absent one. */
    readonly unreadable?: boolean;
  }
  /** A page of the keys whose record is to be handed to a node. */
  | { readonly kind: "hints-scanned"; readonly id: number; readonly places: readonly KeyPlace[] }
  /** A page of records by position, then key; `next` is null when the range is done. */
  | {
    readonly kind: "scanned";
    readonly id: number;
    readonly records: readonly StoredRecord[];
    readonly next: KeyPlace | null;
  }
  | { readonly kind: "timer"; readonly id: number };

export type Effect =
  | {
    readonly kind: "call";
    readonly id: number;
    readonly to: NodeId;
    readonly request: PeerRequest;
    /** After this long the replica no longer listens: the host may drop the call silently. */
    readonly timeoutMs: number;
  }
  /** Answers the request of that id. */
  | { readonly kind: "respond"; readonly id: number; readonly reply: Reply }
  | {
    readonly kind: "load";
    readonly id: number;
    readonly key: string;
    readonly position: Position;
  }
  | {
    readonly kind: "store";
    readonly id: number;
    readonly position: Position;
    readonly record: StoredRecord;
    /** How the index of hints changes with it, in the same commit. */
    readonly hints?: HintChange;
  }
  /** Forgets the record; answered with `stored`. */
  | {
    readonly kind: "remove";
    readonly id: number;
    readonly key: string;
    readonly position: Position;
    readonly hints?: HintChange;
  }
  /** Records from `from` clockwise to, not including, `to`; equal or absent ends: to the end of the ring. */
  | {
    readonly kind: "scan";
    readonly id: number;
    readonly from?: Position;
    readonly to?: Position;
    readonly after: KeyPlace | null;
    readonly limit: number;
    /** Read the disk itself, past every cache: what it has lost or damaged is to be found. */
    readonly fromDisk?: true;
  }
  | {
    readonly kind: "scan-hints";
    readonly id: number;
    readonly target: NodeId;
    /** Where the last page ended. */
    readonly after: KeyPlace | null;
    readonly limit: number;
  }
  /** Remembers the membership durably, in place of what was remembered; answered with `stored`. */
  | { readonly kind: "save"; readonly id: number; readonly document: MembershipDocument }
  /** Saves what the disk records about itself; answered with `stored`. */
  | { readonly kind: "save-disk-state"; readonly id: number; readonly state: DiskState }
  /** At most one timer is set at a time: a new one replaces the old. */
  | { readonly kind: "timer"; readonly id: number; readonly at: Micros }
  | { readonly kind: "emit"; readonly observation: Observation };

/** Takes the effects of a step, in order: an array, or a host that carries them out at once. */
export interface EffectSink {
  push(effect: Effect): unknown;
}
