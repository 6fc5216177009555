/**
 * The loop around a replica in a process: it delivers events to `Replica.step` and carries out the
 * effects that come back, over HTTP/2, Deno KV and the wall clock. It decides nothing; the simulator
 * has another loop around the same replica (`lib/dynamo/types/events.ts` is the seam).
 *
 * Carrying out an effect may raise the next event at once, so events wait in a queue and one step is
 * never inside another.
 */
import type { Replica } from "../../lib/dynamo/replica.ts";
import type { AdminReply, AdminRequest } from "../../lib/dynamo/types/admin.ts";
import type { ClientReply, ClientRequest } from "../../lib/dynamo/types/client_messages.ts";
import type { Effect, Event, Reply } from "../../lib/dynamo/types/events.ts";
import type { Micros, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { Observation } from "../../lib/dynamo/types/observations.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import { type RecordStore, StorageError } from "../storage/storage.ts";
import { nowMicros } from "./wall_clock.ts";

/** How a call ended. */
export type CallAnswer =
  | { readonly kind: "reply"; readonly reply: PeerReply }
  | {
    readonly kind: "failed";
    readonly reason: string;
    /** True when the peer certainly never saw the call. */
    readonly undelivered: boolean;
  };

/** Whoever carries calls to peers. `answer` is called at most once, never before `call` returns. */
export interface PeerCaller {
  call(
    to: NodeId,
    request: PeerRequest,
    timeoutMs: number,
    answer: (answer: CallAnswer) => void,
  ): void;
}

/** What the host needs of a replica: it can run any state machine of this shape. */
export type Stepper = Pick<Replica, "step">;

/** What the host needs of a store. */
export type HostStore = Pick<
  RecordStore,
  "load" | "store" | "delete" | "scan" | "scanHints" | "writeMeta" | "saveDiskState" | "writes"
>;

/** Under this name the store remembers the membership. */
export const MEMBERSHIP = "membership";

type Answer = (reply: Reply) => void;

/** The longest that setTimeout can wait, ms: a longer wait is taken in parts, as an early timer is harmless. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class Host {
  private readonly inbox: Event[] = [];
  private readonly effects: Effect[] = [];
  private stepping = false;
  private failed = false;
  private lastRequest = 0;
  private readonly waiting = new Map<number, Answer>();
  private readonly listeners = new Set<(observation: Observation) => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;

  /**
   * `onDefect` is told when the replica throws: its state can no longer be trusted. `onMembershipSaved`:
   * the replica has heard that a membership is on the disk.
   */
  constructor(
    private readonly replica: Stepper,
    private readonly store: HostStore,
    private readonly peers: PeerCaller,
    private readonly onDefect: (error: unknown) => void,
    private readonly onMembershipSaved: () => void = () => {},
    private readonly now: () => Micros = nowMicros,
  ) {}

  /** Requests of clients and peers that have no answer yet. */
  get requestsWaiting(): number {
    return this.waiting.size;
  }

  /** The node runs: call once, before anything else is delivered. */
  start(): void {
    this.deliver({ kind: "start" });
  }

  /** A request of a client of this node; `answer` is called once. */
  client(request: ClientRequest, answer: (reply: ClientReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "client", id, request });
  }

  /** A call of another node; `answer` is called once. */
  peer(from: NodeId, request: PeerRequest, answer: (reply: PeerReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "peer", id, from, request });
  }

  /** An order of whoever looks after the node; `answer` is called once. */
  admin(request: AdminRequest, answer: (reply: AdminReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "admin", id, request });
  }

  /** Subscribes to what the replica lets people see; call what it returns to unsubscribe. */
  observe(listener: (observation: Observation) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends the loop: later events are dropped, and whoever still waits is not answered. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.waiting.clear();
    this.listeners.clear();
  }

  private await(answer: Answer): number {
    const id = ++this.lastRequest;
    this.waiting.set(id, answer);
    return id;
  }

  private deliver(event: Event): void {
    if (this.stopped || this.failed) return;
    this.inbox.push(event);
    if (this.stepping) return;
    this.stepping = true;
    try {
      for (let next = 0; next < this.inbox.length; next++) {
        this.replica.step(this.now(), this.inbox[next] as Event, this.effects);
        for (const effect of this.effects) this.carryOut(effect);
        this.effects.length = 0;
      }
    } catch (error) {
      this.failed = true;
      this.onDefect(error);
    } finally {
      this.inbox.length = 0;
      this.effects.length = 0;
      this.stepping = false;
    }
  }

  private carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "call":
        this.call(effect);
        break;
      case "respond":
        this.respond(effect.id, effect.reply);
        break;
      case "load":
        this.load(effect);
        break;
      case "store":
        this.changeDisk(
          effect.id,
          this.store.store(effect.record, effect.position, effect.hints),
        );
        break;
      case "remove":
        this.changeDisk(
          effect.id,
          this.store.delete(effect.key, effect.position, effect.hints),
        );
        break;
      case "scan":
        this.scan(effect);
        break;
      case "scan-hints":
        this.scanHints(effect);
        break;
      case "save":
        this.changeDisk(
          effect.id,
          this.store.writeMeta(MEMBERSHIP, effect.document),
          this.onMembershipSaved,
        );
        break;
      case "save-disk-state":
        this.changeDisk(effect.id, this.store.saveDiskState(effect.state));
        break;
      case "timer":
        this.setTimer(effect.id, effect.at);
        break;
      case "emit":
        for (const listener of this.listeners) listener(effect.observation);
        break;
    }
  }

  private call({ id, to, request, timeoutMs }: Effect & { kind: "call" }): void {
    this.peers.call(to, request, timeoutMs, (answer) => {
      if (answer.kind === "reply") this.deliver({ kind: "reply", id, reply: answer.reply });
      else {
        const { undelivered, reason } = answer;
        this.deliver({ kind: "call-failed", id, undelivered, reason });
      }
    });
  }

  private respond(id: number, reply: Reply): void {
    const answer = this.waiting.get(id);
    if (answer === undefined) return;
    this.waiting.delete(id);
    answer(reply);
  }

  private load({ id, key, position }: Effect & { kind: "load" }): void {
    this.store.load(key, position).then(
      (record) => this.deliver({ kind: "loaded", id, record }),
      (error) => this.storageFailed(id, error),
    );
  }

  /** Tells how a change of the disk went, and how many it has durably taken by then. */
  private changeDisk(id: number, change: Promise<void>, afterwards?: () => void): void {
    change.then(
      () => {
        this.deliver({ kind: "stored", id, writes: this.store.writes });
        afterwards?.();
      },
      (error) => this.storageFailed(id, error),
    );
  }

  private scan({ id, from, to, after, limit }: Effect & { kind: "scan" }): void {
    const options = {
      limit,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(after === null ? {} : { after }),
    };
    this.store.scan(options).then(
      ({ records, next }) =>
        this.deliver({ kind: "scanned", id, records: records.map(({ record }) => record), next }),
      (error) => this.storageFailed(id, error),
    );
  }

  private scanHints({ id, target, after, limit }: Effect & { kind: "scan-hints" }): void {
    this.store.scanHints(target, { limit, ...(after === null ? {} : { after }) }).then(
      (places) => this.deliver({ kind: "hints-scanned", id, places }),
      (error) => this.storageFailed(id, error),
    );
  }

  private storageFailed(id: number, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const unreadable = error instanceof StorageError && error.code === "unreadable";
    this.deliver({ kind: "storage-failed", id, reason, unreadable });
  }

  private setTimer(id: number, at: Micros): void {
    clearTimeout(this.timer);
    const waitMs = Math.max(0, Math.ceil((at - this.now()) / 1_000));
    if (waitMs > TIMER_MS_MAX) {
      this.timer = setTimeout(() => this.setTimer(id, at), TIMER_MS_MAX);
    } else {
      this.timer = setTimeout(() => this.deliver({ kind: "timer", id }), waitMs);
    }
  }
}
