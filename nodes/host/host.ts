/**
 * The event loop around a replica in a process. It delivers events to `Replica.step` and executes the
 * resulting effects with HTTP/2, Deno KV and the wall clock. It makes no protocol decisions. The
 * simulator has another loop around the same replica; `lib/dynamo/types/events.ts` defines the
 * interface to both.
 *
 * Executing an effect can cause the next event immediately. So events wait in a queue, and steps are
 * never nested.
 */
import type { Replica } from "../../lib/dynamo/replica.ts";
import type { AdminReply, AdminRequest } from "../../lib/dynamo/types/admin.ts";
import type { ClientReply, ClientRequest } from "../../lib/dynamo/types/client_messages.ts";
import type { Effect, Event, Reply } from "../../lib/dynamo/types/events.ts";
import type { Micros, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { Observation } from "../../lib/dynamo/types/observations.ts";
import type { PeerReply, PeerRequest } from "../../lib/dynamo/types/peer_messages.ts";
import type { PeerCaller } from "../rpc/peer_caller.ts";
import { type RecordStore, StorageError } from "../storage/storage.ts";
import { nowMicros } from "./wall_clock.ts";

/** The part of a replica that the host needs. */
export type Stepper = Pick<Replica, "step">;

/** The part of a store that the host needs. */
export type HostStore = Pick<
  RecordStore,
  "load" | "store" | "delete" | "scan" | "scanHints" | "writeMeta" | "saveDiskState" | "writes"
>;

/** The name of the membership document in the store. */
export const MEMBERSHIP = "membership";

type Answer = (reply: Reply) => void;

/** The longest delay of setTimeout, in ms. A longer one is split into several. */
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
   * `onDefect` is called when the replica throws, because its state can then be wrong.
   * `onMembershipSaved` is called after the replica has processed that a membership is durable.
   */
  constructor(
    private readonly replica: Stepper,
    private readonly store: HostStore,
    private readonly peers: PeerCaller,
    private readonly onDefect: (error: unknown) => void,
    private readonly onMembershipSaved: () => void = () => {},
    private readonly now: () => Micros = nowMicros,
  ) {}

  /** The number of unanswered requests from clients and peers. */
  get requestsWaiting(): number {
    return this.waiting.size;
  }

  /** Starts the replica. Call this once, before any request. */
  start(): void {
    this.deliver({ kind: "start" });
  }

  /** Delivers a client's request; `answer` is called once. */
  client(request: ClientRequest, answer: (reply: ClientReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "client", id, request });
  }

  /** Delivers a call of another node; `answer` is called once. */
  peer(from: NodeId, request: PeerRequest, answer: (reply: PeerReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "peer", id, from, request });
  }

  /** Delivers an administrator's request; `answer` is called once. */
  admin(request: AdminRequest, answer: (reply: AdminReply) => void): void {
    const id = this.await(answer as Answer);
    this.deliver({ kind: "admin", id, request });
  }

  /** Subscribes to the replica's observations. Returns a function that unsubscribes. */
  observe(listener: (observation: Observation) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends the loop. Later events are dropped, and pending requests are not answered. */
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
        for (const effect of this.effects) this.execute(effect);
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

  private execute(effect: Effect): void {
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

  /** Reports the outcome of a change of the disk, with the number of durable changes so far. */
  private changeDisk(id: number, change: Promise<void>, afterwards?: () => void): void {
    change.then(
      () => {
        this.deliver({ kind: "stored", id, writes: this.store.writes });
        afterwards?.();
      },
      (error) => this.storageFailed(id, error),
    );
  }

  private scan({ id, from, to, after, limit, fromDisk }: Effect & { kind: "scan" }): void {
    const options = {
      limit,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      ...(after === null ? {} : { after }),
      ...(fromDisk === undefined ? {} : { fromDisk }),
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
