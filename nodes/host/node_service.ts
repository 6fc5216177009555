/**
 * A running node, put together: the replica and everything around it that serves it. What listens to
 * the network (`node.ts`) and what it shows (`rest.ts`) stand on this.
 */
import type { Membership } from "../../lib/dynamo/membership/membership.ts";
import type { MembershipDocument } from "../../lib/dynamo/membership/membership_state.ts";
import { Replica } from "../../lib/dynamo/replica.ts";
import type { Boot } from "../../lib/dynamo/types/boot.ts";
import type { ClusterConfig } from "../../lib/dynamo/types/config.ts";
import type { Member, MemberStatus, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { Legs } from "../../lib/random/latency.ts";
import { SeededRandom } from "../../lib/random/seeded.ts";
import { Faults } from "../faults/faults.ts";
import { FaultyCaller, FaultyListener } from "../faults/faulty_calls.ts";
import { FaultyStore } from "../faults/faulty_store.ts";
import { ContextTokens } from "../rest/context_token.ts";
import { RpcClient } from "../rpc/client.ts";
import { envelopeOf } from "../rpc/messages.ts";
import { RpcServer } from "../rpc/server.ts";
import type { RecordStore } from "../storage/storage.ts";
import { DurableMembership } from "./durable_membership.ts";
import { EventStream } from "./event_stream.ts";
import { Host } from "./host.ts";
import { introduce } from "./introduction.ts";
import { RequestMeter } from "./request_meter.ts";

/** Peers may listen for longer than the default when a client asked for it; so many times at the most. */
const LISTEN_TIMES = 2;

export interface JoinWishes {
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

interface ServiceOptions {
  readonly initialConfig: InitialClusterConfig;
  /** What has changed since, as the disk remembers it. */
  readonly membership?: MembershipDocument | undefined;
  /** Which of the members this node is; one that is yet to join says who it is. */
  readonly self: NodeId | Member;
  /** With what it would join, as far as it was told. */
  readonly wishes?: JoinWishes | undefined;
  readonly store: RecordStore;
  readonly secret: string | null;
  /** What context tokens are sealed with: the secret, or a value of the node's own. */
  readonly sealSecret: string;
  readonly ca?: string | undefined;
  readonly legs?: Legs | undefined;
  /** Let `/faults` make the node misbehave. */
  readonly allowFaults?: boolean | undefined;
  readonly seed?: string | undefined;
  /** Things that a person should know, such as a file that was set aside. */
  readonly warnings?: () => readonly string[];
  /** The replica threw: the process should end. */
  readonly onDefect: (error: unknown) => void;
}

export class NodeService {
  readonly initialConfig: InitialClusterConfig;
  /** As it was started; `member` is what the cluster knows. */
  private readonly started: Member;
  readonly boot: Boot;
  readonly store: RecordStore;
  readonly replica: Replica;
  readonly host: Host;
  readonly peers: RpcClient;
  /** Null where neither latency nor faults can be injected. */
  private readonly calls: FaultyCaller | null;
  readonly rpc: RpcServer;
  readonly tokens: ContextTokens;
  readonly events: EventStream;
  /** Null unless the node was started to take orders to misbehave. */
  readonly faults: Faults | null;
  readonly meter = new RequestMeter();
  private readonly durable: DurableMembership;
  private readonly memberStatusListeners = new Set<() => void>();
  private lastMemberStatus: MemberStatus | null;
  private readonly closers: { close(): void }[] = [];
  private readonly startedAtMs = performance.now();
  private state: "serving" | "stopping" = "serving";

  constructor(private readonly options: ServiceOptions) {
    const { initialConfig, store, secret, ca, membership } = options;
    this.initialConfig = initialConfig;
    this.store = store;
    this.started = startedAs(options);
    const hints = [...store.hintCounts()];
    const known = membership === undefined ? {} : { membership };
    this.boot = { self: this.started.id, ...store.opening, hints, ...known };
    const random = SeededRandom.from(options.seed ?? crypto.randomUUID());
    this.peers = new RpcClient({
      initialConfig,
      boot: this.boot,
      memberOf: this.memberOf,
      secret,
      ca,
    });
    const { self } = this.boot;
    this.faults = options.allowFaults === true ? new Faults(self, random.child("faults")) : null;
    const surroundings = this.surroundings(this.faults, random.child("latency"));
    this.calls = surroundings.calls;
    this.replica = new Replica(initialConfig, random.child("replica"), this.boot);
    this.host = new Host(
      this.replica,
      surroundings.store,
      this.calls ?? this.peers,
      options.onDefect,
      () => this.onMembershipSaved(),
    );
    this.durable = new DurableMembership(initialConfig, this.replica);
    this.lastMemberStatus = this.memberStatus;
    this.rpc = new RpcServer(
      initialConfig,
      envelopeOf(initialConfig, this.boot),
      surroundings.listener,
      introduce(this),
    );
    this.tokens = new ContextTokens(options.sealSecret);
    this.events = new EventStream(this.boot.self, (listener) => this.host.observe(listener));
    this.host.observe((observation) => {
      this.meter.observe(observation);
      if (observation.type === "member") this.peers.onMember(observation.member);
    });
  }

  /**
   * What the replica has to do with: the network and the disk as they are, or as `--latency` and
   * `/faults` say.
   */
  private surroundings(faults: Faults | null, random: SeededRandom) {
    const { store, initialConfig, peers: inner, memberOf, boot: { self } } = this;
    const { legs } = this.options;
    const listener: FaultyListener["handle"] = (from, request, answer) =>
      this.host.peer(from, request, answer);
    const calls = faults === null && legs === undefined
      ? null
      : new FaultyCaller({ inner, self, memberOf, legs, faults, random });
    if (calls !== null) this.closers.push(calls);
    if (faults === null) return { store, calls, listener };
    const disk = new FaultyStore(store, faults);
    const patienceMs = LISTEN_TIMES * initialConfig.config.timeoutMs;
    const faultyListener = new FaultyListener(self, faults, listener, patienceMs);
    this.closers.push(disk, faultyListener);
    return { store: disk, calls, listener: faultyListener.handle };
  }

  get config(): ClusterConfig {
    return this.initialConfig.config;
  }

  get wishes(): JoinWishes {
    return this.options.wishes ?? {};
  }

  /** Certificates of peers to trust beside the system's, PEM. */
  get ca(): string | undefined {
    return this.options.ca;
  }

  get secret(): string | null {
    return this.options.secret;
  }

  /** The node itself, as the cluster knows it, or as it was started while it is no member. */
  get self(): Member {
    const { membership } = this.replica;
    const { id } = this.started;
    return membership.isActive(id) ? membership.entry(id)?.member ?? this.started : this.started;
  }

  /** The membership as it may be told: as the disk knows it. */
  get membership(): Membership {
    return this.durable.current;
  }

  /** Its part in the cluster; null: it never had one, and may join. */
  get memberStatus(): MemberStatus | null {
    return this.membership.memberStatus(this.boot.self);
  }

  /** Calls back whenever {@link memberStatus} has changed. Returns how to stop that. */
  onMemberStatus(listener: () => void): () => void {
    this.memberStatusListeners.add(listener);
    return () => this.memberStatusListeners.delete(listener);
  }

  private onMembershipSaved(): void {
    const { memberStatus } = this;
    if (memberStatus === this.lastMemberStatus) return;
    this.lastMemberStatus = memberStatus;
    for (const listener of [...this.memberStatusListeners]) listener();
  }

  /** Whoever is or was a member, so that it can be called; null for a node that never was one. */
  readonly memberOf = (id: NodeId): Member | null =>
    this.replica.membership.entry(id)?.member ?? null;

  /** Members that have a part in the cluster, those that are leaving too. */
  get members(): Member[] {
    const { membership } = this;
    return membership.entries().map(({ member }) => member)
      .filter(({ id }) => membership.isActive(id));
  }

  /** The member's URL; null for a node that is none. */
  readonly urlOf = (id: NodeId): string | null => this.memberOf(id)?.url ?? null;

  /** Why peers are refused; null: they are served. */
  whyNotServing(): string | null {
    return this.state === "serving" ? null : "the node is stopping";
  }

  /** Why clients are refused; null: they are served. */
  whyNotReady(): string | null {
    const why = this.whyNotServing();
    if (why !== null || this.replica.isReady) return why;
    return "the node is asking its peers what they remember of it";
  }

  /** Messages that injected latency and faults hold back. */
  get messagesDelayed(): number {
    return this.calls?.messagesDelayed ?? 0;
  }

  get uptimeMs(): number {
    return Math.round(performance.now() - this.startedAtMs);
  }

  /** What `GET /status` answers. */
  status(): Record<string, unknown> {
    const { initialConfig, self, boot, replica, options } = this;
    const { keys, bytesOnDisk } = this.store.stats();
    const { requestsInFlight, counters, crowdedKeys, hints, peers, antiEntropy } = replica.stats();
    const { rss, heapUsed } = Deno.memoryUsage();
    return {
      id: self.id,
      cluster: initialConfig.config.cluster,
      url: self.url,
      pid: Deno.pid,
      incarnation: boot.incarnation,
      dataId: boot.dataId,
      uptimeMs: this.uptimeMs,
      ready: this.whyNotReady() === null,
      config: initialConfig.config,
      ringVersion: this.membership.ring.version,
      memberStatus: this.memberStatus,
      recovery: replica.recovery,
      members: this.membership.entries().map(({ member, memberStatus }) => ({
        ...member,
        memberStatus,
      })),
      latency: options.legs?.spec ?? null,
      keys,
      bytesOnDisk,
      requests: {
        inFlight: requestsInFlight,
        served: counters.requestsServed,
        failed: counters.requestsFailed,
      },
      hints,
      peers,
      antiEntropy,
      traffic: this.peers.traffic.methods,
      faults: this.faults?.settings ?? null,
      counters,
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
      warnings: [...options.warnings?.() ?? [], ...this.siblingWarnings(crowdedKeys)],
    };
  }

  /**
   * The node is listening: its own work begins. Resolves when its peers were asked what they remember
   * of it, at the latest after the cluster's patience; until then clients are refused.
   */
  start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.host.observe(() => {
      if (!this.replica.isReady) return;
      forget();
      resolve();
    });
    this.host.start();
    if (this.replica.isReady) {
      forget();
      resolve();
    }
    return promise;
  }

  /** Refuses new requests; those under way go on. */
  stopTaking(): void {
    this.state = "stopping";
    this.rpc.stopTaking();
    this.events.close();
  }

  /** Ends the loop and closes connections and the store. */
  async close(): Promise<void> {
    this.stopTaking();
    this.host.stop();
    for (const each of this.closers) each.close();
    this.peers.close();
    await this.store.close();
  }

  private siblingWarnings(crowded: readonly string[]): string[] {
    if (crowded.length === 0) return [];
    const shown = crowded.slice(0, 3).map((key) => `'${key.slice(0, 60)}'`).join(", ");
    return [
      `${crowded.length} keys have ${this.config.siblingsWarn} siblings or more, such as ${shown}: ` +
      "their clients should send back the context they read",
    ];
  }
}

function startedAs({ self, initialConfig, membership }: ServiceOptions): Member {
  if (typeof self !== "string") return self;
  const known = membership?.state.members.find(({ member }) => member.id === self)?.member ??
    initialConfig.members.find((member) => member.id === self);
  if (known === undefined) throw new Error(`'${self}' is no member of the cluster`);
  return known;
}
