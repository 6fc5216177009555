/**
 * The clients of a scenario, over REST to real nodes: they draw what they do as the simulator's do, and
 * write it down in the same history, in µs since the run began.
 */
import { resolveOptions } from "../../lib/dynamo/requests/request_options.ts";
import type { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RequestOptions } from "../../lib/dynamo/types/client_messages.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import { Clients, type PlannedOperation } from "../../lib/simulation/workload/clients.ts";
import { History, type Operation } from "../../lib/simulation/workload/history.ts";
import { type Learnt, type NodeAsker, outcomeOf } from "./requests.ts";

/** What a client has seen of a key. */
interface Seen {
  readonly token: string;
  /** The writes that the context came from. */
  readonly sources: readonly number[];
  /** The operation that gave it. */
  readonly from: number;
}

interface ScenarioClientsOptions {
  readonly scenario: Scenario;
  /** As it is at the moment. */
  readonly world: { readonly ring: Ring };
  readonly asker: NodeAsker;
  /** Since the run began, µs. */
  readonly nowUs: () => number;
}

export class ScenarioClients {
  readonly history: History;
  readonly keys = new Set<string>();
  private readonly drawing: Clients;
  private readonly seen: Map<string, Seen>[];
  /** Operations that follow one under way: the put of an update. */
  private toCome = 0;
  private over = false;

  constructor(private readonly options: ScenarioClientsOptions) {
    const { workload } = options.scenario;
    this.history = new History(workload.valueBytes);
    this.drawing = new Clients(options.scenario);
    this.seen = Array.from({ length: workload.clients }, () => new Map());
  }

  /** The whole workload, or as much as is begun before `signal` is aborted; what is begun is ended. */
  async run(signal: AbortSignal): Promise<void> {
    const { workload } = this.options.scenario;
    this.over = signal.aborted;
    signal.addEventListener("abort", () => this.over = true, { once: true });
    if (workload.kind === "script") {
      await Promise.all(workload.operations.map(async (planned) => {
        await this.until(planned.atUs, signal);
        if (!this.over) await this.carryOut(planned.client, planned);
      }));
      return;
    }
    const clients = Array.from({ length: workload.clients }, (_, index) => index);
    await Promise.all(clients.map((client) => this.loop(client, signal)));
  }

  private async loop(client: number, signal: AbortSignal): Promise<void> {
    const { options: { world, nowUs }, drawing } = this;
    for (;;) {
      await this.until(nowUs() + drawing.thinkUs(client), signal);
      if (this.over || !this.hasRoomFor(1)) return;
      const planned = drawing.draw(world, client);
      const isCut = planned.act === "update" && !this.hasRoomFor(2);
      await this.carryOut(client, isCut ? { ...planned, act: "get" } : planned);
    }
  }

  /** Whether the workload still asks for so many operations. */
  private hasRoomFor(operations: number): boolean {
    const { workload } = this.options.scenario;
    return workload.kind === "mix" &&
      this.history.size + this.toCome + operations <= workload.operations;
  }

  private async carryOut(client: number, planned: PlannedOperation): Promise<void> {
    const { act, key } = planned;
    this.keys.add(key);
    const isUpdate = act === "update";
    if (!isUpdate && act !== "get") {
      const known = act === "put-with-context" || act === "delete"
        ? this.seen[client]?.get(key)
        : undefined;
      await this.send(client, planned, act.startsWith("delete") ? "delete" : "put", known);
      return;
    }
    if (isUpdate) this.toCome++;
    const read = await this.send(client, planned, "get", undefined);
    if (!isUpdate) return;
    this.toCome--;
    if (read.outcome === "ok" && !this.over) {
      const hasSeen = read.learnt !== null;
      await this.send(client, planned, "put", hasSeen ? this.seen[client]?.get(key) : undefined);
    }
  }

  private async send(
    client: number,
    { act, key, node, options: given }: PlannedOperation,
    kind: Operation["kind"],
    known: Seen | undefined,
  ): Promise<{ readonly outcome: Operation["outcome"]; readonly learnt: Learnt | null }> {
    const { scenario, asker, nowUs } = this.options;
    const operation = this.history.begin({
      client,
      act,
      kind,
      key,
      node,
      options: resolveOptions(given, scenario.config),
      startedAt: nowUs(),
      parents: known?.sources ?? [],
      contextFrom: known?.from ?? 0,
      blind: kind === "delete" && known === undefined,
      healing: false,
    });
    const patienceMs = operation.options.timeoutMs + scenario.workload.graceMs;
    const answer = await asker.ask(requestOf(operation, given, known?.token), patienceMs);
    const { end, learnt } = outcomeOf(operation, answer, this.history);
    this.history.end(operation.id, { endedAt: nowUs(), ...end });
    if (learnt !== null) {
      this.seen[client]?.set(key, {
        token: learnt.token,
        sources: learnt.sources,
        from: operation.id,
      });
    }
    return { outcome: end.outcome, learnt };
  }

  /** Resolves at that time, or when `signal` is aborted. */
  private until(atUs: number, signal: AbortSignal): Promise<void> {
    const ms = (atUs - this.options.nowUs()) / 1_000;
    // Even a client that never thinks lets the others have their turn.
    if (ms <= 0 || signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const stop = () => resolve();
    signal.addEventListener("abort", stop, { once: true });
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  }
}

function requestOf(
  { kind, key, node, value }: Operation,
  options: RequestOptions,
  token: string | undefined,
) {
  return {
    kind,
    key,
    node,
    options,
    ...(value === null ? {} : { value: Uint8Array.fromBase64(value) }),
    ...(token === undefined ? {} : { token }),
  };
}
