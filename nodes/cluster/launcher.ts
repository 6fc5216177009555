/**
 * A cluster of real node processes on this machine: founded once, started together, watched, and put
 * through what happens to machines. It is what `deno task cluster`, the dashboard, the live experiments
 * and the whole-system tests stand on.
 *
 * The launcher knows nothing of the protocol. It makes the initial configuration, the secret and the ports, and
 * then only starts and signals processes: a node that it kills is as dead as one on another machine.
 */
import { whilePlansAreOutdated } from "../../lib/client/membership_client.ts";
import { askForJson, NodeError } from "../../lib/client/node_requests.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import { parseLegs } from "../../lib/random/latency.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";
import {
  type InitialConfigOptions,
  makeInitialConfig,
  reopenedConfig,
  requireNodes,
} from "../process/cluster_config_file.ts";
import { freePorts } from "../process/ports.ts";
import { readSecret } from "../process/secret.ts";
import { ClusterDirectory } from "./cluster_directory.ts";
import { HOST, portsFor, portsOf, requireFree, sparesAt } from "./cluster_ports.ts";
import { LaunchError } from "./launch_error.ts";
import { livingMembers, type MemberList, nextId } from "./member_list.ts";
import {
  type ChangePlan,
  type ChangeRequest,
  type ChangingCluster,
  type ClusterTransfers,
  MembershipChanges,
} from "./membership.ts";
import { fetchPackages } from "./package_cache.ts";
import { type NodeProcess, type NodeState, SupervisedNode } from "./supervised_node.ts";

export { LaunchError } from "./launch_error.ts";
export { PORT_DEFAULT } from "./cluster_ports.ts";
export type { ChangePlan, ChangeRequest, ClusterTransfers } from "./membership.ts";
export type { FaultRequest } from "../faults/fault_settings.ts";
export type { NodeExit } from "./node_process.ts";
export type { NodeProcess, NodeState } from "./supervised_node.ts";

export interface LaunchOptions extends InitialConfigOptions {
  /**
   * 0: any free ports; else the first of as many consecutive ones. Left out: where the cluster listened
   * last, from `PORT_DEFAULT` on when it is new.
   */
  readonly port?: number;
  /** Kept at the end, and started from again; left out: a temporary one. */
  readonly dataDir?: string;
  /** A latency spec (`lib/random/latency.ts`) for the messages between nodes. */
  readonly latency?: string;
  /** Whether the nodes take orders to misbehave at `/faults`. */
  readonly allowFaults?: boolean;
  /**
   * Nodes that are no members and are not started, under ids that no member has: `restart` starts one,
   * and whoever asked for it has it admitted. They are not remembered for another start. Who gives a
   * list, an empty one too, looks after the membership: nodes that have left or were removed are kept.
   */
  readonly spares?: readonly NodeId[];
  /** Given each line that a node writes on stderr. */
  readonly onOutput?: (id: NodeId, line: string) => void;
  /** Aborting ends a start under way. */
  readonly signal?: AbortSignal;
}

export interface NodeChange {
  readonly node: NodeProcess;
  readonly before: NodeState;
}

/** How long a node may take to obey. */
const FAULTS_MS = 5_000;
/** How often a start is tried anew when a free port was lost between looking and listening. */
const PORT_DRAWS_MAX = 3;

/**
 * Starts a cluster and resolves when every node serves. Throws `ConfigError` or `SpecError` for
 * options that cannot be, {@link LaunchError} when the directory or the ports are taken or a node does
 * not start; then no process and no new initial configuration is left.
 */
export async function launchCluster(options: LaunchOptions): Promise<RunningCluster> {
  if (options.nodes !== undefined) requireNodes(options.nodes);
  if (options.latency !== undefined) parseLegs(options.latency);
  const directory = await ClusterDirectory.open(options.dataDir);
  try {
    return await launchIn(directory, options);
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function launchIn(
  directory: ClusterDirectory,
  options: LaunchOptions,
): Promise<RunningCluster> {
  let fetched = false;
  for (let draw = 1;; draw++) {
    // What was asked for is judged before who has the ports: a mistake in it is nearer to the person.
    const ports = portsFor(directory.stored, directory.storedMemberList, options);
    const initialConfig = initialConfigAt(directory.stored, options, ports);
    await requireFree(portsOf(livingMembers(initialConfig.members, directory.storedMemberList)));
    await directory.write(initialConfig);
    const spares = sparesAt(options.spares ?? [], ports);
    for (const { id } of spares) await directory.makeRoom(id);
    const cluster = new RunningCluster(options, initialConfig, directory, spares);
    try {
      await cluster.begin();
      return cluster;
    } catch (error) {
      await cluster.endAll("SIGKILL");
      await directory.unfound(initialConfig);
      const reason = error instanceof LaunchError ? error.reason : null;
      if (reason === "package-missing" && !fetched) {
        fetched = await fetchPackages().then(() => true, () => false);
        // Without network, what the node said tells more than what the fetch did.
        if (fetched) continue;
      }
      const drawAgain = options.port === 0 && draw < PORT_DRAWS_MAX && reason === "port-taken";
      if (!drawAgain) throw error;
    }
  }
}

function initialConfigAt(
  stored: InitialClusterConfig | null,
  options: LaunchOptions,
  ports: readonly number[],
): InitialClusterConfig {
  const urls = ports.map((port) => `http://${HOST}:${port}`);
  return stored === null ? makeInitialConfig(options, urls) : reopenedConfig(stored, options, urls);
}

export class RunningCluster {
  private readonly supervised: Map<NodeId, SupervisedNode>;
  private readonly listeners = new Set<(change: NodeChange) => void>();
  /** Processes that are no members yet: nobody is told of them. */
  private readonly joiningNodes = new Set<NodeId>();
  private readonly changes: MembershipChanges;
  private memberList: MemberList;
  private closing: Promise<void> | null = null;

  /** Use {@link launchCluster}. */
  constructor(
    readonly options: LaunchOptions,
    readonly initialConfig: InitialClusterConfig,
    private readonly directory: ClusterDirectory,
    private readonly spares: readonly Member[] = [],
  ) {
    this.memberList = directory.storedMemberList;
    const members = livingMembers(initialConfig.members, this.memberList);
    this.supervised = new Map(
      [...members, ...spares].map(({ id, url }) => [id, this.supervise(id, url)]),
    );
    this.changes = new MembershipChanges(this.changing());
  }

  /** The cluster's name. */
  get id(): string {
    return this.initialConfig.config.cluster;
  }

  get secretFile(): string {
    return this.directory.secretFile;
  }

  get dataDir(): string {
    return this.directory.path;
  }

  /** Whether {@link close} removes the data. */
  get temporary(): boolean {
    return this.directory.temporary;
  }

  /** Members that listen elsewhere than at the cluster's last start. */
  get moved(): { readonly id: NodeId; readonly from: string; readonly to: string }[] {
    const before = this.directory.stored?.members ?? [];
    return before.flatMap(({ id, url }) => {
      const now = this.supervised.get(id)?.start.url ?? url;
      return now === url ? [] : [{ id, from: url, to: now }];
    });
  }

  /** Whether it was founded in an earlier run. */
  get reopened(): boolean {
    return this.directory.stored !== null;
  }

  /** Every node as it is now: initial members, spares, then those that joined; not those that are gone. */
  get nodes(): NodeProcess[] {
    return [...this.supervised.values()].map((node) => node.process);
  }

  /** Throws {@link LaunchError} when there is no such node. */
  node(id: NodeId): NodeProcess {
    return this.find(id).process;
  }

  // The acts. Each throws LaunchError, saying why, when the node's state does not allow it.

  /** SIGKILL, as a crash or a power cut would. Resolves when the process is gone. */
  async kill(id: NodeId): Promise<void> {
    await this.find(id).kill();
  }

  /** SIGTERM: the node finishes what it has in hand. Resolves when the process is gone. */
  async stop(id: NodeId): Promise<void> {
    await this.find(id).stop();
  }

  /** SIGSTOP: connections stay up, nothing is answered, as in a long pause or behind a black hole. */
  pause(id: NodeId): Promise<void> {
    return Promise.try(() => this.find(id).pause());
  }

  /** SIGCONT. */
  async resume(id: NodeId): Promise<void> {
    await this.find(id).resume();
  }

  /** The same id, data and port in a new process. Resolves when it serves. */
  async restart(id: NodeId): Promise<void> {
    await this.find(id).restart();
  }

  /** A restart on an empty disk. Resolves when it serves. */
  async wipe(id: NodeId): Promise<void> {
    await this.find(id).wipe(() => this.directory.wipe(id));
  }

  /**
   * Makes a running node misbehave as `settings` say, null: lets it behave. Only in a cluster that was
   * launched with `allowFaults`; a restarted node behaves. Throws {@link LaunchError} with the node's
   * own words when it refuses.
   */
  async setFaults(id: NodeId, settings: FaultRequest | null): Promise<void> {
    const { url } = this.find(id).process;
    const secret = await readSecret(this.secretFile);
    const request = { url: `${url}/faults`, secret, isIdempotent: true, timeoutMs: FAULTS_MS };
    try {
      if (settings === null) await askForJson({ ...request, method: "DELETE" });
      else await askForJson({ ...request, method: "PUT", json: settings });
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      const { status, message } = error;
      throw status === null
        ? new LaunchError("failed", `Cannot tell node ${id} to misbehave: ${message}`)
        : new LaunchError("unfit", `Node ${id} takes no such order to misbehave: ${message}`);
    }
  }

  // Changes of the membership: see `cluster/membership.ts`.

  /** What a change would mean; nothing moves. Throws {@link LaunchError}, saying why it cannot be. */
  planChange(request: ChangeRequest): Promise<ChangePlan> {
    return this.changes.plan(request);
  }

  /** Does what was planned; resolves when it is accepted and a newcomer is admitted. Throws {@link LaunchError}. */
  commitChange(planId: string): Promise<ChangePlan> {
    return this.changes.commit(planId);
  }

  /** Forgets a plan. */
  discardChange(planId: string): Promise<void> {
    return this.changes.discard(planId);
  }

  /** A new node under the next free id joins. Its data moves after this has resolved: see {@link transfers}. */
  addNode(options: { readonly weight?: number; readonly zone?: string } = {}): Promise<ChangePlan> {
    return this.change({ kind: "add", ...options });
  }

  /** A node that runs leaves, and its process ends when it has handed everything over; a dead one is removed. */
  removeNode(id: NodeId): Promise<ChangePlan> {
    return this.change({ kind: "remove", node: id });
  }

  /** A new node takes the place of a dead one. */
  replaceNode(id: NodeId): Promise<ChangePlan> {
    return this.change({ kind: "replace", node: id });
  }

  /** How far the changes have come; `left` is 0 when everybody holds what it should. */
  transfers(): Promise<ClusterTransfers> {
    return this.changes.transfers();
  }

  private change(request: ChangeRequest): Promise<ChangePlan> {
    return whilePlansAreOutdated(async () => {
      const { planId } = await this.planChange(request);
      return await this.commitChange(planId);
    });
  }

  /** Calls back at every change of a node's state. Returns how to stop that. */
  onChange(listener: (change: NodeChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends every node and removes a temporary directory. Idempotent: a second call waits for the first. */
  close(): Promise<void> {
    return this.closing ??= this.changes.close()
      .then(() => this.endAll("SIGTERM"))
      .then(() => this.directory.close());
  }

  /** Starts all nodes at once; for {@link launchCluster}. */
  async begin(): Promise<void> {
    const { signal } = this.options;
    signal?.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    const abort = () => aborted.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      const begun = [...this.supervised.values()]
        .filter(({ start }) => !this.spares.some(({ id }) => id === start.id))
        .map((node) => node.begin());
      for (const start of begun) start.catch(() => {});
      await Promise.race([Promise.all(begun), aborted.promise]);
      this.changes.resume();
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends every process; for {@link launchCluster}. */
  async endAll(how: "SIGTERM" | "SIGKILL"): Promise<void> {
    await Promise.all([...this.supervised.values()].map((node) => node.close(how)));
  }

  private changing(): ChangingCluster {
    const { directory, supervised } = this;
    return {
      nodes: () => this.nodes,
      memberList: () => this.memberList,
      secretFile: this.secretFile,
      keep: async (memberList) => {
        await directory.writeMemberList(memberList);
        this.memberList = memberList;
      },
      // Who brings spares orders what becomes of the members, and ends them, itself.
      follows: this.options.spares === undefined,
      newcomer: async (taken) => {
        const others = [...this.spares.map(({ id }) => id), ...taken];
        const id = nextId(this.initialConfig.members, this.memberList, others);
        await directory.makeRoom(id);
        this.joiningNodes.add(id);
        const [port] = freePorts(HOST, 1);
        return this.supervise(id, `http://${HOST}:${port}`);
      },
      adopt: (node) => {
        this.joiningNodes.delete(node.start.id);
        supervised.set(node.start.id, node);
        this.tell({ node: node.process, before: "starting" });
      },
      release: async (id) => {
        const node = this.find(id);
        const { state: before, pid } = node.process;
        supervised.delete(id);
        await node.close("SIGTERM");
        // The end of a process is told of by itself.
        if (pid === null) this.tell({ node: node.process, before });
      },
      discard: async (node) => {
        await node.close("SIGTERM");
        this.joiningNodes.delete(node.start.id);
        await directory.clear(node.start.id);
      },
    };
  }

  private supervise(id: NodeId, url: string): SupervisedNode {
    const { latency, allowFaults, onOutput } = this.options;
    return new SupervisedNode({
      id,
      url,
      directory: this.directory.nodeDirectory(id),
      initialConfigFile: this.directory.initialConfigFile,
      secretFile: this.directory.secretFile,
      latency,
      allowFaults,
    }, {
      onState: (node, before) => this.tell({ node, before }),
      onOutput: (node, line) => onOutput?.(node, line),
    });
  }

  private tell(change: NodeChange): void {
    if (this.joiningNodes.has(change.node.id)) return;
    for (const listener of [...this.listeners]) listener(change);
  }

  private find(id: NodeId): SupervisedNode {
    const node = this.supervised.get(id);
    if (node !== undefined) return node;
    throw new LaunchError(
      "unfit",
      `There is no node '${id}' in cluster ${this.id}: there are ${
        [...this.supervised.keys()].join(", ")
      }`,
    );
  }
}
