/**
 * A launched cluster without processes, for the tests of the dashboard's routes: an initial ring, nodes
 * whose states follow the actions, and a `fetch` that answers for the nodes.
 */
import {
  type ChangePlan,
  type ChangeRequest,
  type ClusterTransfers,
  LaunchError,
  type LaunchOptions,
  type NodeProcess,
  type NodeState,
} from "../nodes/cluster/launcher.ts";
import { makeInitialConfig } from "../nodes/process/cluster_config_file.ts";
import type { LaunchedCluster } from "../routes/(_server)/clusters/launched_cluster.ts";

type Change = { readonly node: NodeProcess; readonly before: NodeState };

export interface FakeNodes {
  /** The requests to nodes, as `METHOD url`. */
  readonly asked: string[];
  readonly requests: Request[];
  /** Answers REST requests except `/status`; the default is 404. */
  answer: (request: Request) => Response | Promise<Response>;
  readonly fetch: typeof fetch;
}

export function fakeNodes(): FakeNodes {
  const nodes: FakeNodes = {
    asked: [],
    requests: [],
    answer: () => new Response(null, { status: 404 }),
    fetch: async (input, init) => {
      const request = new Request(input, init);
      nodes.asked.push(`${request.method} ${request.url}`);
      nodes.requests.push(request);
      return new URL(request.url).pathname === "/status"
        ? Response.json(STATUS)
        : await nodes.answer(request);
    },
  };
  return nodes;
}

const STATUS = {
  id: "n1",
  uptimeMs: 1_000,
  keys: 7,
  bytesOnDisk: 4_096,
  requests: { inFlight: 0, served: 3, failed: 0 },
  memory: { rssBytes: 60_000_000, heapUsedBytes: 10_000_000 },
  hints: { n2: 3 },
  peers: { n2: { up: false, phi: 9.5 }, n3: { up: true, phi: 0.25 } },
  warnings: [],
};

export class FakeCluster implements LaunchedCluster {
  readonly initialConfig;
  readonly secretFile = "/tmp/secret";
  nodes: NodeProcess[];
  closed = 0;
  readonly acts: string[] = [];
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(options: LaunchOptions) {
    const count = options.nodes ?? 5;
    const urls = Array.from({ length: count }, (_, i) => `http://127.0.0.1:${20_001 + i}`);
    this.initialConfig = makeInitialConfig({ ...options, seed: 7 }, urls);
    this.nodes = this.initialConfig.members.map(({ id, url }, i) => ({
      id,
      url,
      pid: 1_000 + i,
      data: `/tmp/${id}`,
      state: "running",
      exit: null,
    }));
  }

  kill = (id: string) => this.#act("kill", id, "killed");
  stop = (id: string) => this.#act("stop", id, "stopped");
  pause = (id: string) => this.#act("pause", id, "paused");
  resume = (id: string) => this.#act("resume", id, "running");
  restart = (id: string) => this.#act("restart", id, "running");
  wipe = (id: string) => this.#act("wipe", id, "running");

  #act(act: string, id: string, state: NodeState): Promise<void> {
    this.acts.push(`${act} ${id}`);
    this.nodes = this.nodes.map((node) => node.id === id ? { ...node, state } : node);
    for (const node of this.nodes) {
      if (node.id !== id) continue;
      for (const listener of this.#listeners) listener({ node, before: "running" });
    }
    return Promise.resolve();
  }

  /** The planned, committed and discarded changes, in order. */
  readonly changes: string[] = [];
  /** If set, the cluster refuses every change with this error. */
  refusal: LaunchError | null = null;
  left = 0;
  readonly #plans = new Map<string, ChangePlan>();

  planChange(request: ChangeRequest): Promise<ChangePlan> {
    this.changes.push(`plan ${JSON.stringify(request)}`);
    if (this.refusal !== null) return Promise.reject(this.refusal);
    const goes = request.kind === "add" ? null : request.node;
    const comes = request.kind === "remove" ? null : `n${this.nodes.length + 1}`;
    const isUp = this.nodes.find(({ id }) => id === goes)?.state === "running";
    const act = request.kind === "add"
      ? "join"
      : request.kind === "replace"
      ? "replace"
      : isUp
      ? "leave"
      : "remove";
    const plan: ChangePlan = {
      planId: `plan-${this.changes.length}`,
      act,
      comes,
      goes,
      moves: [
        { range: 1, from: "n1", to: comes ?? "n3", share: 1 / 128 },
        { range: 9, from: "n2", to: comes ?? "n3", share: 1 / 128 },
      ],
      bytes: 4_096,
      balance: {
        before: { n1: { tokens: 26, ranges: 77, share: 0.6 } },
        after: { n1: { tokens: 21, ranges: 64, share: 0.5 } },
      },
    };
    this.#plans.set(plan.planId, plan);
    return Promise.resolve(plan);
  }

  commitChange(planId: string): Promise<ChangePlan> {
    this.changes.push(`commit ${planId}`);
    const plan = this.#plans.get(planId);
    this.#plans.clear();
    if (plan === undefined) {
      return Promise.reject(new LaunchError("refused", `There is no plan '${planId}'`));
    }
    const { comes, goes, act } = plan;
    if (act !== "leave") this.nodes = this.nodes.filter(({ id }) => id !== goes);
    if (comes !== null) {
      const url = `http://127.0.0.1:${20_001 + this.nodes.length}`;
      const data = `/tmp/${comes}`;
      this.nodes = [...this.nodes, { id: comes, url, pid: 1, data, state: "running", exit: null }];
    }
    this.left = plan.moves.length;
    return Promise.resolve(plan);
  }

  discardChange(planId: string): Promise<void> {
    this.changes.push(`discard ${planId}`);
    this.#plans.delete(planId);
    return Promise.resolve();
  }

  transfers(): Promise<ClusterTransfers> {
    const members = this.nodes.map(({ id, url }) => ({
      id,
      url,
      weight: 1,
      memberStatus: "member" as const,
    }));
    return Promise.resolve({
      seenBy: "n1",
      members,
      left: this.left,
      moves: [],
      orphanedReplicas: false,
      hints: 0,
    });
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}
