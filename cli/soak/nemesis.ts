/**
 * Injects faults during a soak: kill -9 and restart of one or two nodes, a pause, a partition and,
 * on request, a node that loses, duplicates and delays messages, or one with a slow and failing
 * disk. There is one act at a time, and each is undone before the next. The seed determines the
 * acts and the nodes.
 *
 * Joining and leaving are only started: data moves while the next acts go on, which may hit the
 * same nodes.
 */
import type { SeededRandom } from "../../lib/random/seeded.ts";
import {
  type FaultRequest,
  LaunchError,
  type RunningCluster,
} from "../../nodes/cluster/launcher.ts";

export const ACTS = ["kill", "pause", "cut", "lossy", "disk", "join", "leave"] as const;
export type Act = typeof ACTS[number];
export const ACTS_DEFAULT: readonly Act[] = ["kill", "pause", "cut"];

const LOSSY: FaultRequest = { drop: 0.05, duplicate: 0.2, latency: "exp(0.1)" };
const BAD_DISK: FaultRequest = { disk: { slowMs: 10, failing: 0.1 } };

interface NemesisOptions {
  readonly cluster: RunningCluster;
  readonly random: SeededRandom;
  readonly acts: readonly Act[];
  /** Mean duration of an act, ms. Pauses between acts are half as long. */
  readonly actMs: number;
  readonly onAct: (act: Act, nodes: readonly string[]) => void;
  readonly onCut: (isCut: boolean) => void;
}

export class Nemesis {
  readonly acts: Record<Act, number> = {
    kill: 0,
    pause: 0,
    cut: 0,
    lossy: 0,
    disk: 0,
    join: 0,
    leave: 0,
  };
  private deck: Act[] = [];
  /** Nodes that have joined and were not told to leave. */
  private joined: string[] = [];
  private readonly leaving = new Set<string>();

  constructor(private readonly options: NemesisOptions) {}

  /** Whether all nodes that were told to leave are gone. */
  get areDecommissionsDone(): boolean {
    return this.options.cluster.nodes.every(({ id }) => !this.leaving.has(id));
  }

  /** Runs acts until `signal` is aborted. Afterwards all nodes run and can reach each other. */
  async run(signal: AbortSignal): Promise<void> {
    const { actMs } = this.options;
    while (!signal.aborted) {
      await this.wait(actMs / 2, signal);
      if (!signal.aborted) await this.act(this.next(), signal);
    }
  }

  /** Each act comes once before any is repeated. A join comes before the leave. */
  private next(): Act {
    if (this.deck.length === 0) {
      this.deck = this.shuffled(this.options.acts);
      const [join, leave] = [this.deck.indexOf("join"), this.deck.indexOf("leave")];
      if (leave > join) [this.deck[join], this.deck[leave]] = ["leave", "join"];
    }
    return this.deck.pop() as Act;
  }

  private async act(act: Act, signal: AbortSignal): Promise<void> {
    const { cluster, actMs } = this.options;
    this.acts[act]++;
    const ids = this.shuffled(cluster.nodes.map(({ id }) => id));
    switch (act) {
      case "kill": {
        const chosen = ids.slice(0, 1 + Math.floor(this.options.random.float() * 2));
        await this.during(act, chosen, {
          begin: () => this.each(chosen, (id) => cluster.kill(id)),
          wait: () => this.wait(actMs, signal),
          end: () => this.each(chosen, (id) => cluster.restart(id)),
        });
        break;
      }
      case "pause": {
        const [id = ""] = ids;
        await this.during(act, [id], {
          begin: () => this.each([id], () => cluster.pause(id)),
          wait: () => this.wait(actMs, signal),
          end: () => this.each([id], () => cluster.resume(id)),
        });
        break;
      }
      case "cut":
        await this.cut(ids, signal);
        break;
      case "lossy":
      case "disk": {
        const [id = ""] = ids;
        await this.during(act, [id], {
          begin: () =>
            this.each([id], () => cluster.setFaults(id, act === "disk" ? BAD_DISK : LOSSY)),
          wait: () => this.wait(actMs, signal),
          end: () => this.each([id], () => cluster.setFaults(id, null)),
        });
        break;
      }
      case "join":
        await this.join();
        break;
      case "leave":
        await this.leave();
    }
  }

  private async join(): Promise<void> {
    const { comes } = await this.options.cluster.addNode();
    if (comes === null) throw new Error("The plan does not name the joining node");
    this.joined.push(comes);
    this.options.onAct("join", [comes]);
  }

  private async leave(): Promise<void> {
    const id = this.joined.shift();
    if (id === undefined) throw new Error("No node has joined that could leave");
    this.leaving.add(id);
    this.options.onAct("leave", [id]);
    await this.options.cluster.removeNode(id);
  }

  /** A node that was told to leave may be gone already, or end during the act. */
  private async each(ids: readonly string[], act: (id: string) => Promise<void>): Promise<void> {
    const { cluster } = this.options;
    const isGone = (id: string) => cluster.nodes.every((node) => node.id !== id);
    await Promise.all(ids.map(async (id) => {
      if (isGone(id)) return;
      try {
        await act(id);
      } catch (error) {
        if (!(error instanceof LaunchError) || !this.leaving.has(id) || !isGone(id)) throw error;
      }
    }));
  }

  private async cut(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const { cluster, actMs, onCut } = this.options;
    const half = Math.floor(ids.length / 2);
    const [few, many] = [ids.slice(0, half), ids.slice(half)];
    // One end of each pair drops the messages of both directions.
    const partition = { nodes: many, direction: "both" } as const;
    // A node may not know yet which nodes have joined, or no longer know which have left.
    const settings = this.options.acts.includes("join")
      ? { partition, strangers: many }
      : { partition };
    await this.during("cut", few, {
      begin: () => {
        onCut(true);
        return this.each(few, (id) => cluster.setFaults(id, settings));
      },
      wait: () => this.wait(actMs, signal),
      end: () => this.each(few, (id) => cluster.setFaults(id, null)),
    });
    onCut(false);
  }

  private async during(
    act: Act,
    nodes: readonly string[],
    { begin, wait, end }: Record<"begin" | "wait" | "end", () => Promise<unknown>>,
  ): Promise<void> {
    this.options.onAct(act, nodes);
    await begin();
    await wait();
    await end();
  }

  /** Waits for 0.5 to 1.5 times `ms`, at most until `signal` is aborted. */
  private wait(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (signal.aborted) return Promise.resolve();
    const timer = setTimeout(resolve, ms * (0.5 + this.options.random.float()));
    signal.addEventListener("abort", () => resolve(), { once: true });
    return promise.finally(() => clearTimeout(timer));
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const { random } = this.options;
    return items.map((item) => ({ item, at: random.float() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
}
