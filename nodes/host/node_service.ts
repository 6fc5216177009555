/**
 * A running node: the replica with its host loop, store, peers and RPC server. The server that listens
 * on the network (`node.ts`) and the REST interface (`rest.ts`) use it.
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
import { openMethodsOf } from "./node_identity.ts";
import { RequestMeter } from "./request_meter.ts";

/** A client can set a longer timeout than the default. A peer then waits at most this many times longer. */
const TIMEOUT_FACTOR_MAX = 2;

export interface JoinAttributes {
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
}

interface ServiceOptions {
  readonly initialConfig: InitialClusterConfig;
  /** The stored membership: the changes since the initial configuration. */
  readonly membership?: MembershipDocument | undefined;
  /** The id of a member, or the description of a node that has not joined yet. */
  readonly self: NodeId | Member;
  /** The attributes from the command line with which it would join. */
  readonly joinAttributes?: JoinAttributes | undefined;
  readonly store: RecordStore;
  readonly secret: string | null;
  /** The key that seals context tokens: the cluster's secret, or a key of this node alone. */
  readonly sealSecret: string;
  readonly ca?: string | undefined;
  readonly legs?: Legs | undefined;
  /** Whether `/faults` may inject faults. */
  readonly allowFaults?: boolean | undefined;
  readonly seed?: string | undefined;
  /** Warnings for the operator, for example that a file was set aside. */
  readonly warnings?: () => readonly string[];
  /** Called when the replica throws; the process should end. */
  readonly onDefect: (error: unknown) => void;
}

export class NodeService {
  readonly initialConfig: InitialClusterConfig;
  /** The node as it was started. The membership may know it with other attributes; see `self`. */
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
  /** Null unless the node was started with permission to inject faults. */
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
    const environment = this.environment(this.faults, random.child("latency"));
    this.calls = environment.calls;
    this.replica = new Replica(initialConfig, random.child("replica"), this.boot);
    this.host = new Host(
      this.replica,
      environment.store,
      this.calls ?? this.peers,
      options.onDefect,
      () => this.onMembershipSaved(),
    );
    this.durable = new DurableMembership(initialConfig, this.replica);
    this.lastMemberStatus = this.memberStatus;
    this.rpc = new RpcServer(
      initialConfig,
      envelopeOf(initialConfig, this.boot),
      environment.listener,
      openMethodsOf(this),
    );
    this.tokens = new ContextTokens(options.sealSecret);
    this.events = new EventStream(this.boot.self, (listener) => this.host.observe(listener));
    this.host.observe((observation) => {
      this.meter.observe(observation);
      if (observation.type === "member") this.peers.onMember(observation.member);
    });
  }

  /** The network and the disk for the replica, with wrappers for injected latency and faults. */
  private environment(faults: Faults | null, random: SeededRandom) {
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
    const patienceMs = TIMEOUT_FACTOR_MAX * initialConfig.config.timeoutMs;
    const faultyListener = new FaultyListener(self, faults, listener, patienceMs);
    this.closers.push(disk, faultyListener);
    return { store: disk, calls, listener: faultyListener.handle };
  }

  get config(): ClusterConfig {
    return this.initialConfig.config;
  }

  get joinAttributes(): JoinAttributes {
    return this.options.joinAttributes ?? {};
  }

  /** Certificates to trust in addition to the system's, PEM. */
  get ca(): string | undefined {
    return this.options.ca;
  }

  get secret(): string | null {
    return this.options.secret;
  }

  /** This node as the membership knows it; if it is not a member, as it was started. */
  get self(): Member {
    const { membership } = this.replica;
    const { id } = this.started;
    return membership.isActive(id) ? membership.entry(id)?.member ?? this.started : this.started;
  }

  /** The durable membership, which may be told to others. */
  get membership(): Membership {
    return this.durable.current;
  }

  /** Its durable member status; null if it has never been a member. */
  get memberStatus(): MemberStatus | null {
    return this.membership.memberStatus(this.boot.self);
  }

  /** Calls the listener whenever {@link memberStatus} has changed. Returns a function to unsubscribe. */
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

  /** A current or former member, so that it can be called; null for a node that never was one. */
  readonly memberOf = (id: NodeId): Member | null =>
    this.replica.membership.entry(id)?.member ?? null;

  /** The active members, including those that are leaving. */
  get members(): Member[] {
    const { membership } = this;
    return membership.entries().map(({ member }) => member)
      .filter(({ id }) => membership.isActive(id));
  }

  /** The member's URL; null if the node never was a member. */
  readonly urlOf = (id: NodeId): string | null => this.memberOf(id)?.url ?? null;

  /** Why peers are refused; null if they are served. */
  whyNotServing(): string | null {
    return this.state === "serving" ? null : "the node is stopping";
  }

  /** Why clients are refused; null if they are served. */
  whyNotReady(): string | null {
    const reason = this.whyNotServing();
    if (reason !== null || this.replica.isReady) return reason;
    return "the node is asking its peers what they remember of it";
  }

  /** Messages that injected latency and faults hold back. */
  get messagesDelayed(): number {
    return this.calls?.messagesDelayed ?? 0;
  }

  get uptimeMs(): number {
    return Math.round(performance.now() - this.startedAtMs);
  }

  /** The answer to `GET /status`. */
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
   * Starts the replica; the server must be listening. Resolves when the node is ready for clients: when
   * it has asked its peers what they remember of it, at the latest after the configured patience.
   */
  start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = this.host.observe(() => {
      if (!this.replica.isReady) return;
      unsubscribe();
      resolve();
    });
    this.host.start();
    if (this.replica.isReady) {
      unsubscribe();
      resolve();
    }
    return promise;
  }

  /** Refuses new requests; requests in progress continue. */
  stopAccepting(): void {
    this.state = "stopping";
    this.rpc.stopAccepting();
    this.events.close();
  }

  /** Ends the loop and closes connections and the store. */
  async close(): Promise<void> {
    this.stopAccepting();
    this.host.stop();
    for (const each of this.closers) each.close();
    this.peers.close();
    await this.store.close();
  }

  private siblingWarnings(crowded: readonly string[]): string[] {
    if (crowded.length === 0) return [];
    const shown = crowded.slice(0, 3).map((key) => `'${key.slice(0, 60)}'`).join(", ");
    return [
      `${crowded.length} keys have ${this.config.siblingsWarn} siblings or more, for example ${shown}: ` +
      "clients should send the context of their last read with each write",
    ];
  }
}

function startedAs({ self, initialConfig, membership }: ServiceOptions): Member {
  if (typeof self !== "string") return self;
  const known = membership?.state.members.find(({ member }) => member.id === self)?.member ??
    initialConfig.members.find((member) => member.id === self);
  if (known === undefined) throw new Error(`'${self}' is not a member of the cluster`);
  return known;
}
