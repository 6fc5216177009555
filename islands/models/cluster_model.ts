/**
 * A cluster as its page knows it: what the server drew, kept up to date by the event stream. Which
 * node is selected and what can be done to it. No DOM, so it is tested as plain code.
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

/** How the event stream fares: `static` before scripts run, `lost` while the browser retries. */
type Connection = "static" | "live" | "lost" | "ended";

/** Points of the throughput line, one a second. */
export const THROUGHPUT_POINTS = 60;

export class ClusterModel {
  readonly cluster;
  readonly connection = signal<Connection>("static");
  readonly selected = signal<string | null>(null);
  /** The act under way, as `n1:kill`. */
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
    // It changes only while a change of the membership moves ranges.
    const ringState = computed(() => this.cluster.value.ring);
    this.ring = computed(() =>
      ringState.value === null ? null : ringOf(ringState.value, this.cluster.peek().config.n)
    );
    this.selectedNode = computed(() =>
      this.cluster.value.nodes.find((node) => node.id === this.selected.value) ?? null
    );
  }

  /** Takes one event of the stream in. */
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

  /** A reconnected stream sends the same ring again: keep the old object, and its drawing. */
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

/** Every act with what it does, in the order of the buttons. */
export const ACTS: readonly ActMeaning[] = [
  { act: "kill", label: "Kill", why: "SIGKILL: gone at once, as in a crash" },
  { act: "stop", label: "Stop", why: "finishes what it does, then ends" },
  { act: "pause", label: "Pause", why: "SIGSTOP: holds its connections but says nothing" },
  { act: "resume", label: "Resume", why: "SIGCONT: goes on where it was paused" },
  { act: "restart", label: "Restart", why: "starts it on the data that it has" },
  { act: "wipe", label: "Wipe", why: "ends it, empties its disk, starts it anew" },
];

interface ChangeMeaning {
  readonly kind: "remove" | "replace";
  readonly label: string;
  readonly why: string;
  readonly states: readonly NodeState[];
}

const DEAD: readonly NodeState[] = ["stopped", "killed", "crashed"];

/** What can be done to a node's membership, with what it does and the states in which it can be. */
export const CHANGES: readonly ChangeMeaning[] = [
  {
    kind: "remove",
    label: "Leave",
    why: "hands all it holds over to the others, then ends",
    states: ["running"],
  },
  {
    kind: "remove",
    label: "Remove",
    why: "a dead node for good: the others make new copies of what it held",
    states: DEAD,
  },
  {
    kind: "replace",
    label: "Replace",
    why: "a new node takes over the place of a dead one",
    states: DEAD,
  },
];

/** Which acts make sense in a state; the others are shown but disabled. */
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
