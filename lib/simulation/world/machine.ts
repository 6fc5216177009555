/**
 * One simulated computer: a replica's process, its disk, its clock, and their faults. It is mostly state;
 * `processes.ts` and the fault driver act on it.
 */
import { Replica } from "../../dynamo/replica.ts";
import { type Boot, BOOT_NUMBERS } from "../../dynamo/types/boot.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import { below } from "../../dynamo/types/random.ts";
import { deepClone } from "../../dynamo/util/clone.ts";
import { IdTable } from "../../dynamo/util/id_table.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { MessageLeg } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { DiskWatcher, SimulatedDisk } from "./disk.ts";

/** Where the answer to a request goes. */
export type Route =
  | { readonly kind: "client"; readonly token: number }
  | {
    readonly kind: "node";
    readonly node: number;
    readonly boot: number;
    readonly call: number;
    readonly leg: MessageLeg;
  }
  /** The operator who changes the membership. */
  | { readonly kind: "order"; readonly order: number; readonly attempt: number }
  /** The request was a duplicate, so its answer is discarded. */
  | { readonly kind: "discarded" };

/** An event on its way into the process. */
export interface Arrival {
  readonly event: Event;
  readonly route: Route | null;
}

/** Most events that wait for a paused process. Further ones are lost, like with a full socket buffer. */
export const BACKLOG_MAX = 100_000;

/** Where node clocks start, µs, so that none can be set back to before zero. */
export const CLOCK_START_US = 1_000_000_000;

export class Machine {
  replica: Replica | null = null;
  /** How often the process was started. */
  boot = 0;
  /** How often the disk was replaced. Each disk has a data id of its own. */
  private wipes = 0;
  /** Hints from other nodes that are being stored, and the most at once so far. */
  readonly handoffs = new Set<number>();
  handoffsPeak = 0;
  /** Destroyed with its disk: it is not started again. */
  isGone = false;
  /** Active pauses. */
  pauses = 0;
  backlog: Arrival[] = [];
  /** The time that each event takes, µs, and when the process is free again. */
  stepUs = 0;
  freeAt = 0;
  clockOffsetUs = CLOCK_START_US;
  /** The replica's only timer: its id, when it is due, and the time of its task in the queue. */
  timerId = 0;
  timerDue = Infinity;
  timerScheduled = Infinity;
  /** Requests that have arrived and are not answered yet. */
  inbound = new IdTable<Route>();

  constructor(
    readonly index: number,
    readonly id: string,
    readonly zone: string | undefined,
    public disk: SimulatedDisk,
    /** For the delays of its calls. */
    readonly networkRandom: SeededRandom,
    private readonly replicaRandom: SeededRandom,
  ) {}

  get isUp(): boolean {
    return this.replica !== null;
  }

  get isPaused(): boolean {
    return this.pauses > 0;
  }

  /** Replaces the disk by an empty one. */
  wipe(watcher: DiskWatcher): void {
    this.wipes++;
    this.disk.wipe(`d${this.wipes + 1}`, watcher);
  }

  /** Starts the process with a new incarnation and the disk's contents. */
  start(
    initialConfig: InitialClusterConfig,
    alter: (boot: Boot) => Boot,
    rules: Versioning | undefined,
  ): Replica {
    if (this.replica !== null) throw new Error(`Cannot start node ${this.id}: it is running`);
    this.boot++;
    const random = this.replicaRandom.child(`boot ${this.boot}`);
    const bootNumber = below(random.child("number"), BOOT_NUMBERS);
    const boot = alter({ self: this.id, ...this.disk.boot(bootNumber) });
    this.replica = new Replica(initialConfig, random, boot, rules);
    this.timerDue = Infinity;
    this.timerScheduled = Infinity;
    this.freeAt = 0;
    return this.replica;
  }

  /** Ends the process. Returns the requests that it leaves unanswered. */
  stop(): Route[] {
    const unanswered = [...this.inbound.entries()].sort(([a], [b]) => a - b);
    const left = [
      ...unanswered.map(([, route]) => route),
      ...this.backlog.flatMap(({ route }) => route ?? []),
    ];
    this.replica = null;
    this.handoffs.clear();
    this.inbound = new IdTable();
    this.backlog = [];
    return left;
  }

  clone(): Machine {
    const copy = new Machine(
      this.index,
      this.id,
      this.zone,
      this.disk.clone(),
      this.networkRandom.clone(),
      this.replicaRandom,
    );
    copy.replica = this.replica === null ? null : cloneReplica(this.replica);
    copy.boot = this.boot;
    copy.wipes = this.wipes;
    for (const id of this.handoffs) copy.handoffs.add(id);
    copy.handoffsPeak = this.handoffsPeak;
    copy.isGone = this.isGone;
    copy.pauses = this.pauses;
    copy.backlog = [...this.backlog];
    copy.stepUs = this.stepUs;
    copy.freeAt = this.freeAt;
    copy.clockOffsetUs = this.clockOffsetUs;
    copy.timerId = this.timerId;
    copy.timerDue = this.timerDue;
    copy.timerScheduled = this.timerScheduled;
    for (const [id, route] of this.inbound.entries()) copy.inbound.set(id, route);
    return copy;
  }
}

/** Clones a replica, but shares what never changes: the initial configuration and the ring's index. */
function cloneReplica(replica: Replica): Replica {
  const shared: object[] = [replica.initialConfig, replica.config, replica.ring];
  return deepClone(replica, new Map(shared.map((each) => [each, each])));
}
