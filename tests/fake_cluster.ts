/**
 * A launched cluster without processes, for the dashboard's route tests: a founded ring, nodes whose
 * states the acts change, and a `fetch` that answers for the nodes.
 */
import type { LaunchedCluster } from "../routes/live_cluster.ts";
import { makeFounding } from "../nodes/founding_file.ts";
import type { LaunchOptions, NodeProcess, NodeState } from "../nodes/launcher.ts";

type Change = { readonly node: NodeProcess; readonly before: NodeState };

export interface FakeNodes {
  /** Requests that reached nodes, as `METHOD url`. */
  readonly asked: string[];
  readonly requests: Request[];
  /** Answers for a node's REST; the default knows `/status` only. */
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
  readonly founding;
  nodes: NodeProcess[];
  closed = 0;
  readonly acts: string[] = [];
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(options: LaunchOptions) {
    const count = options.nodes ?? 5;
    const urls = Array.from({ length: count }, (_, i) => `http://127.0.0.1:${20_001 + i}`);
    this.founding = makeFounding({ ...options, seed: 7 }, urls);
    this.nodes = this.founding.members.map(({ id, url }, i) => ({
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

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.closed++;
    return Promise.resolve();
  }
}
