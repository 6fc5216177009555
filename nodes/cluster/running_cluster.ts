/**
 * A cluster of node processes that runs on this machine: its nodes, the actions on them, and changes of
 * its membership. A node that is killed here is as dead as one on another machine.
 */
import { whilePlansAreOutdated } from "../../lib/client/membership_client.ts";
import { askForJson, NodeError } from "../../lib/client/node_requests.ts";
import type { Member, NodeId } from "../../lib/dynamo/types/ids.ts";
import type { InitialClusterConfig } from "../../lib/dynamo/types/initial_config.ts";
import type { FaultRequest } from "../faults/fault_settings.ts";
import { freePorts } from "../process/ports.ts";
import { readSecret } from "../process/secret.ts";
import type { ClusterDirectory } from "./cluster_directory.ts";
import { HOST } from "./cluster_ports.ts";
import { LaunchError } from "./launch_error.ts";
import type { LaunchOptions } from "./launch_options.ts";
import { currentMembers, type MemberList, nextId } from "./member_list.ts";
import {
  type ChangePlan,
  type ChangeRequest,
  type ChangingCluster,
  type ClusterTransfers,
  MembershipChanges,
} from "./membership.ts";
import { type NodeProcess, type NodeState, SupervisedNode } from "./supervised_node.ts";

export interface NodeChange {
  readonly node: NodeProcess;
  readonly before: NodeState;
}

/** How long a node may take to answer a request at `/faults`. */
const FAULTS_TIMEOUT_MS = 5_000;

export class RunningCluster {
  private readonly supervised: Map<NodeId, SupervisedNode>;
  private readonly listeners = new Set<(change: NodeChange) => void>();
  /** Processes that are not members yet. Listeners are not told about them. */
  private readonly joiningNodes = new Set<NodeId>();
  private readonly changes: MembershipChanges;
  private memberList: MemberList;
  private closing: Promise<void> | null = null;

  /** Use `launchCluster`. */
  constructor(
    readonly options: LaunchOptions,
    readonly initialConfig: InitialClusterConfig,
    private readonly directory: ClusterDirectory,
    private readonly spares: readonly Member[] = [],
  ) {
    this.memberList = directory.storedMemberList;
    const members = currentMembers(initialConfig.members, this.memberList);
    this.supervised = new Map(
      [...members, ...spares].map(({ id, url }) => [id, this.supervise(id, url)]),
    );
    this.changes = new MembershipChanges(this.changingCluster());
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

  /** Members whose address has changed since the cluster's last start. */
  get moved(): { readonly id: NodeId; readonly from: string; readonly to: string }[] {
    const before = this.directory.stored?.members ?? [];
    return before.flatMap(({ id, url }) => {
      const now = this.supervised.get(id)?.start.url ?? url;
      return now === url ? [] : [{ id, from: url, to: now }];
    });
  }

  /** Whether an earlier run created the cluster. */
  get reopened(): boolean {
    return this.directory.stored !== null;
  }

  /** All nodes, without those that are gone: initial members, spares, then those that joined. */
  get nodes(): NodeProcess[] {
    return [...this.supervised.values()].map((node) => node.process);
  }

  /** Throws {@link LaunchError} if there is no such node. */
  node(id: NodeId): NodeProcess {
    return this.find(id).process;
  }

  // Actions on a node. Each throws LaunchError if the node's state does not allow it.

  /** SIGKILL, like a crash or a power failure. Resolves when the process is gone. */
  async kill(id: NodeId): Promise<void> {
    await this.find(id).kill();
  }

  /** SIGTERM: the node completes its requests first. Resolves when the process is gone. */
  async stop(id: NodeId): Promise<void> {
    await this.find(id).stop();
  }

  /** SIGSTOP: connections stay open but nothing is answered, like a long pause of the machine. */
  pause(id: NodeId): Promise<void> {
    return Promise.try(() => this.find(id).pause());
  }

  /** SIGCONT. */
  async resume(id: NodeId): Promise<void> {
    await this.find(id).resume();
  }

  /** Starts a new process with the same id, data and port. Resolves when it serves. */
  async restart(id: NodeId): Promise<void> {
    await this.find(id).restart();
  }

  /** Restarts the node with an empty disk. Resolves when it serves. */
  async wipe(id: NodeId): Promise<void> {
    await this.find(id).wipe(() => this.directory.wipe(id));
  }

  /**
   * Sets the faults that a running node injects; null: none. Only in a cluster that was launched with
   * `allowFaults`. A restart ends all faults. Throws {@link LaunchError} with the node's message if it
   * refuses.
   */
  async setFaults(id: NodeId, settings: FaultRequest | null): Promise<void> {
    const { url } = this.find(id).process;
    const secret = await readSecret(this.secretFile);
    const request = {
      url: `${url}/faults`,
      secret,
      isIdempotent: true,
      timeoutMs: FAULTS_TIMEOUT_MS,
    };
    try {
      if (settings === null) await askForJson({ ...request, method: "DELETE" });
      else await askForJson({ ...request, method: "PUT", json: settings });
    } catch (error) {
      if (!(error instanceof NodeError)) throw error;
      const { status, message } = error;
      throw status === null
        ? new LaunchError("failed", `Cannot set faults on node ${id}: ${message}`)
        : new LaunchError("unfit", `Node ${id} refuses the faults: ${message}`);
    }
  }

  // Membership changes: see `membership.ts`.

  /** Plans a change; nothing moves. Throws {@link LaunchError} that says why it is not possible. */
  planChange(request: ChangeRequest): Promise<ChangePlan> {
    return this.changes.plan(request);
  }

  /**
   * Commits a plan. Resolves when the change is accepted and a new node has been admitted. Throws
   * {@link LaunchError}.
   */
  commitChange(planId: string): Promise<ChangePlan> {
    return this.changes.commit(planId);
  }

  /** Discards a plan. */
  discardChange(planId: string): Promise<void> {
    return this.changes.discard(planId);
  }

  /** Adds a node with the next free id. Data still moves after this resolves: see {@link transfers}. */
  addNode(options: { readonly weight?: number; readonly zone?: string } = {}): Promise<ChangePlan> {
    return this.change({ kind: "add", ...options });
  }

  /** A running node hands its data over and leaves, then its process ends. A dead node is removed. */
  removeNode(id: NodeId): Promise<ChangePlan> {
    return this.change({ kind: "remove", node: id });
  }

  /** A new node replaces a dead one. */
  replaceNode(id: NodeId): Promise<ChangePlan> {
    return this.change({ kind: "replace", node: id });
  }

  /** The progress of the changes. `left` is 0 once every range has its new owners. */
  transfers(): Promise<ClusterTransfers> {
    return this.changes.transfers();
  }

  private change(request: ChangeRequest): Promise<ChangePlan> {
    return whilePlansAreOutdated(async () => {
      const { planId } = await this.planChange(request);
      return await this.commitChange(planId);
    });
  }

  /** Calls `listener` at every change of a node's state. Returns a function that unsubscribes it. */
  onChange(listener: (change: NodeChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Ends every node and removes a temporary directory. A second call waits for the first. */
  close(): Promise<void> {
    return this.closing ??= this.changes.close()
      .then(() => this.endAll("SIGTERM"))
      .then(() => this.directory.close());
  }

  /** Starts all nodes at once. For `launchCluster` only. */
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

  /** Ends every process. For `launchCluster` only. */
  async endAll(how: "SIGTERM" | "SIGKILL"): Promise<void> {
    await Promise.all([...this.supervised.values()].map((node) => node.close(how)));
  }

  private changingCluster(): ChangingCluster {
    const { directory, supervised } = this;
    return {
      nodes: () => this.nodes,
      memberList: () => this.memberList,
      secretFile: this.secretFile,
      saveMemberList: async (memberList) => {
        await directory.writeMemberList(memberList);
        this.memberList = memberList;
      },
      // A caller that passes spares is responsible for the membership.
      followsMembers: this.options.spares === undefined,
      createJoiningNode: async (taken) => {
        const others = [...this.spares.map(({ id }) => id), ...taken];
        const id = nextId(this.initialConfig.members, this.memberList, others);
        await directory.createNodeDirectory(id);
        this.joiningNodes.add(id);
        const [port] = freePorts(HOST, 1);
        return this.supervise(id, `http://${HOST}:${port}`);
      },
      addJoined: (node) => {
        this.joiningNodes.delete(node.start.id);
        supervised.set(node.start.id, node);
        this.notify({ node: node.process, before: "starting" });
      },
      removeNode: async (id) => {
        const node = this.find(id);
        const { state: before, pid } = node.process;
        supervised.delete(id);
        await node.close("SIGTERM");
        // If the node had a process, its end has notified the listeners already.
        if (pid === null) this.notify({ node: node.process, before });
      },
      discardJoiningNode: async (node) => {
        await node.close("SIGTERM");
        this.joiningNodes.delete(node.start.id);
        await directory.removeNodeDirectory(node.start.id);
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
      onState: (node, before) => this.notify({ node, before }),
      onOutput: (node, line) => onOutput?.(node, line),
    });
  }

  private notify(change: NodeChange): void {
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
