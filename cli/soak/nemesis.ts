/**
 * What befalls the nodes during a soak: kill -9 of one or two and a restart, a pause, a cut in two;
 * and, where they are asked for, a node whose messages are lost, doubled and late, and one whose disk
 * is slow and fails. One act at a time, each undone before the next; which and whom is drawn from the
 * seed.
 *
 * A node that joins, and one that has joined and leaves, are only told to: their data moves while the
 * next acts go on, and these may strike them as well.
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
  /** How long an act lasts on average, ms; between acts half as long. */
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
  /** Joined and not told to leave. */
  private joined: string[] = [];
  private readonly leaving = new Set<string>();

  constructor(private readonly options: NemesisOptions) {}

  /** Nobody who was told to leave is still here. */
  get areDecommissionsDone(): boolean {
    return this.options.cluster.nodes.every(({ id }) => !this.leaving.has(id));
  }

  /** Act after act until `signal` is aborted; then all nodes run and can reach each other. */
  async run(signal: AbortSignal): Promise<void> {
    const { actMs } = this.options;
    while (!signal.aborted) {
      await this.wait(actMs / 2, signal);
      if (!signal.aborted) await this.act(this.next(), signal);
    }
  }

  /** Every act comes once before one comes again; whoever is to leave has joined before. */
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
    if (comes === null) throw new Error("Cannot tell who has joined");
    this.joined.push(comes);
    this.options.onAct("join", [comes]);
  }

  private async leave(): Promise<void> {
    const id = this.joined.shift();
    if (id === undefined) throw new Error("Cannot let a node leave that has not joined");
    this.leaving.add(id);
    this.options.onAct("leave", [id]);
    await this.options.cluster.removeNode(id);
  }

  /** One that was told to leave may be gone by now, or go just then. */
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
    // Both directions of every pair are cut at one of its ends.
    const partition = { nodes: many, direction: "both" } as const;
    // Not all of them may have heard by now who has joined, or still know who has left.
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

  /** Half to one and a half times as long; no longer than until `signal` is aborted. */
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
