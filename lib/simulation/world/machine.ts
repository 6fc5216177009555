/**
 * One simulated computer: a replica's process, its disk, its clock, and what is amiss with them.
 *
 * It is state and small attempts about it; `simulation.ts` makes it move.
 */
import { Replica } from "../../dynamo/replica.ts";
import { type Boot, BOOT_NUMBERS } from "../../dynamo/types/boot.ts";
import type { Event } from "../../dynamo/types/events.ts";
import type { InitialClusterConfig } from "../../dynamo/types/initial_config.ts";
import { below } from "../../dynamo/types/random.ts";
import { deepClone } from "../../dynamo/util/clone.ts";
import { IdTable } from "../../dynamo/util/id_table.ts";
import type { Versioning } from "../../dynamo/versions/versions.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import type { MessageLeg } from "../../random/latency.ts";
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
  /** Whoever looks after the cluster. */
  | { readonly kind: "order"; readonly order: number; readonly attempt: number }
  /** A copy of a request: its answer interests nobody. */
  | { readonly kind: "nobody" };

/** An event on its way into the process. */
export interface Arrival {
  readonly event: Event;
  readonly route: Route | null;
}

/** Arrivals that a paused process may have waiting; more are lost, as by a full socket buffer. */
export const BACKLOG_MAX = 100_000;

/** Node clocks start here, so that none can be set back to before zero; µs. */
export const CLOCK_START_US = 1_000_000_000;

export class Machine {
  replica: Replica | null = null;
  /** How often it was started. */
  boot = 0;
  /** New disks that it was given: each has a data directory of its own. */
  private wipes = 0;
  /** Other nodes' hints that are being taken in, and the most that ever were at once. */
  readonly handoffs = new Set<number>();
  handoffsMost = 0;
  /** Taken out of the cluster, with its disk: it does not come back. */
  isGone = false;
  /** Pauses under way. */
  pauses = 0;
  backlog: Arrival[] = [];
  /** What every event costs, µs, and when the process is free again. */
  stepUs = 0;
  freeAt = 0;
  clockOffsetUs = CLOCK_START_US;
  /** The replica's one timer: its id, when it is due, and the moment for which it is scheduled. */
  timerId = 0;
  timerDue = Infinity;
  timerScheduled = Infinity;
  /** Requests taken in and not answered. */
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

  /** An empty disk in the place of its own. */
  wipe(watcher: DiskWatcher): void {
    this.wipes++;
    this.disk.wipe(`d${this.wipes + 1}`, watcher);
  }

  /** Starts the process: a new incarnation over what the disk holds. */
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

  /** Ends the process; returns the requests that it leaves unanswered. */
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
    copy.handoffsMost = this.handoffsMost;
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

/** What never changes is shared between the copies: the initial configuration and the ring's index over it. */
function cloneReplica(replica: Replica): Replica {
  const shared: object[] = [replica.initialConfig, replica.config, replica.ring];
  return deepClone(replica, new Map(shared.map((each) => [each, each])));
}
