/**
 * The state of a cluster's page: the cluster, kept up to date by the event stream, the selected node,
 * and the actions on it. It does not use the DOM, so it can be tested as plain code.
 */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RingState } from "../../lib/dynamo/ring/ring_state.ts";
import type { ClusterDetail, LiveMessage, NodeAct, NodeState, NodeView, Problem } from "./api.ts";
import { ChangeModel, type ChangeStart, NO_CHANGE } from "./change_model.ts";
import type { ClusterApi } from "./cluster_api.ts";
import { FeedModel } from "./feed_model.ts";
import { KeysModel } from "./keys_model.ts";
import { LoadModel } from "./load_model.ts";
import { ringOf } from "./ring_geometry.ts";

/** The state of the event stream: `static` before scripts run, `lost` while the browser reconnects. */
type Connection = "static" | "live" | "lost" | "ended";

/** Points of the throughput line, one per second. */
export const THROUGHPUT_POINTS = 60;

export class ClusterModel {
  readonly cluster;
  readonly connection = signal<Connection>("static");
  readonly selected = signal<string | null>(null);
  /** The action in progress, as `n1:kill`. */
  readonly busy = signal<string | null>(null);
  readonly actProblem = signal<Problem | null>(null);
  readonly throughput = signal<readonly number[]>([]);
  readonly ring: ReadonlySignal<Ring | null>;
  readonly selectedNode: ReadonlySignal<NodeView | null>;
  readonly feed = new FeedModel();
  readonly keys: KeysModel;
  readonly load: LoadModel;
  readonly change: ChangeModel;
  readonly #api: ClusterApi;

  constructor(
    initial: ClusterDetail,
    api: ClusterApi,
    load: LoadModel,
    keys: KeysModel,
    change: ChangeStart = NO_CHANGE,
  ) {
    this.#api = api;
    this.change = new ChangeModel(api, change);
    this.cluster = signal(initial);
    this.load = load;
    this.keys = keys;
    // The ring changes only while a membership change moves ranges, so it has a signal of its own.
    const ringState = computed(() => this.cluster.value.ring);
    this.ring = computed(() =>
      ringState.value === null ? null : ringOf(ringState.value, this.cluster.peek().config.n)
    );
    this.selectedNode = computed(() =>
      this.cluster.value.nodes.find((node) => node.id === this.selected.value) ?? null
    );
  }

  /** Applies one event of the stream. */
  apply(message: LiveMessage): void {
    switch (message.event) {
      case "cluster":
        this.cluster.value = { ...message.data, ring: this.#newRing(message.data.ring) };
        break;
      case "ring":
        this.cluster.value = { ...this.cluster.value, ring: this.#newRing(message.data) };
        break;
      case "transfers":
        batch(() => {
          this.cluster.value = { ...this.cluster.value, transfers: message.data };
          this.change.follow(message.data);
        });
        break;
      case "nodes":
        batch(() => {
          this.cluster.value = { ...this.cluster.value, nodes: message.data };
          this.#noteThroughput(message.data);
        });
        break;
      case "protocol":
        this.feed.add(message.data);
        if (message.data.type === "request") this.keys.observe(message.data);
        break;
      case "dropped":
        this.feed.addDropped(message.data.count);
        break;
      case "load":
        this.load.update(message.data);
        break;
      case "load-cleared":
        this.load.forgetFinished();
        break;
      case "ended":
        this.connection.value = "ended";
        break;
    }
  }

  /** A reconnected stream sends the same ring again: keep the old object, so nothing is redrawn. */
  #newRing(ring: RingState | null): RingState | null {
    const known = this.cluster.peek().ring;
    return JSON.stringify(ring) === JSON.stringify(known) ? known : ring;
  }

  #noteThroughput(nodes: readonly NodeView[]): void {
    const total = nodes.reduce(
      (sum, node) => sum + (node.state === "running" ? node.status?.servedPerSecond ?? 0 : 0),
      0,
    );
    this.throughput.value = [...this.throughput.value, total].slice(-THROUGHPUT_POINTS);
  }

  select(id: string | null): void {
    this.selected.value = this.selected.value === id ? null : id;
    this.actProblem.value = null;
  }

  async act(node: string, act: NodeAct): Promise<void> {
    if (this.busy.value !== null) return;
    this.busy.value = `${node}:${act}`;
    this.actProblem.value = null;
    const answer = await this.#api.act(node, act);
    batch(() => {
      this.busy.value = null;
      if (!answer.ok) this.actProblem.value = answer.problem;
    });
  }
}

interface ActMeaning {
  readonly act: NodeAct;
  readonly label: string;
  readonly why: string;
}

/** Every action with its explanation, in the order of the buttons. */
export const ACTS: readonly ActMeaning[] = [
  { act: "kill", label: "Kill", why: "ends the process at once, as a crash does (SIGKILL)" },
  { act: "stop", label: "Stop", why: "finishes running requests, then ends the process" },
  { act: "pause", label: "Pause", why: "keeps connections open but does not answer (SIGSTOP)" },
  { act: "resume", label: "Resume", why: "continues where it was paused (SIGCONT)" },
  { act: "restart", label: "Restart", why: "starts the process again on its existing data" },
  { act: "wipe", label: "Wipe", why: "ends the process, deletes its data, starts it again" },
];

interface ChangeMeaning {
  readonly kind: "remove" | "replace";
  readonly label: string;
  readonly why: string;
  readonly states: readonly NodeState[];
}

const DEAD: readonly NodeState[] = ["stopped", "killed", "crashed"];

/** The membership changes of a node, each with its explanation and the states that allow it. */
export const CHANGES: readonly ChangeMeaning[] = [
  {
    kind: "remove",
    label: "Leave",
    why: "transfers all its data to the other nodes, then ends",
    states: ["running"],
  },
  {
    kind: "remove",
    label: "Remove",
    why: "removes a dead node for good; the others restore its replicas from their copies",
    states: DEAD,
  },
  {
    kind: "replace",
    label: "Replace",
    why: "a new node takes the place of a dead one",
    states: DEAD,
  },
];

/** The actions that make sense in a state; the buttons of the others are disabled. */
export function allowedActs(state: NodeState): readonly NodeAct[] {
  switch (state) {
    case "starting":
      return ["kill"];
    case "running":
      return ["kill", "stop", "pause", "restart", "wipe"];
    case "paused":
      return ["kill", "resume", "restart", "wipe"];
    case "stopped":
    case "killed":
    case "crashed":
      return ["restart", "wipe"];
  }
}
