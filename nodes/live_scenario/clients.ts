/**
 * The clients of a scenario, which send REST requests to real nodes. They draw their operations like the
 * simulator's clients and record them in the same kind of history, in µs since the run began.
 */
import { resolveOptions } from "../../lib/dynamo/requests/request_options.ts";
import type { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { RequestOptions } from "../../lib/dynamo/types/client_messages.ts";
import type { Scenario } from "../../lib/simulation/scenario/scenario.ts";
import { Clients, type PlannedOperation } from "../../lib/simulation/workload/clients.ts";
import { History, type Operation } from "../../lib/simulation/workload/history.ts";
import { outcomeOf, type RequestSender, type SeenContext } from "./requests.ts";

/** The last context that a client has seen of a key. */
interface Seen {
  readonly token: string;
  /** The writes that the context came from. */
  readonly sources: readonly number[];
  /** The operation that returned it. */
  readonly from: number;
}

interface ScenarioClientsOptions {
  readonly scenario: Scenario;
  /** Has the current ring. */
  readonly world: { readonly ring: Ring };
  readonly sender: RequestSender;
  /** The time since the run began, µs. */
  readonly nowUs: () => number;
}

export class ScenarioClients {
  readonly history: History;
  readonly keys = new Set<string>();
  private readonly drawing: Clients;
  private readonly seen: Map<string, Seen>[];
  /** Puts that will follow the reads of updates in progress. */
  private putsToCome = 0;
  private over = false;

  constructor(private readonly options: ScenarioClientsOptions) {
    const { workload } = options.scenario;
    this.history = new History(workload.valueBytes);
    this.drawing = new Clients(options.scenario);
    this.seen = Array.from({ length: workload.clients }, () => new Map());
  }

  /** Runs the workload. After `signal` aborts, no operation starts, and those in progress are completed. */
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

  /** Whether the workload has at least this many operations left. */
  private hasRoomFor(operations: number): boolean {
    const { workload } = this.options.scenario;
    return workload.kind === "mix" &&
      this.history.size + this.putsToCome + operations <= workload.operations;
  }

  private async carryOut(client: number, planned: PlannedOperation): Promise<void> {
    const { act, key } = planned;
    this.keys.add(key);
    const isUpdate = act === "update";
    if (!isUpdate && act !== "get") {
      const seen = act === "put-with-context" || act === "delete"
        ? this.seen[client]?.get(key)
        : undefined;
      await this.send(client, planned, act.startsWith("delete") ? "delete" : "put", seen);
      return;
    }
    if (isUpdate) this.putsToCome++;
    const read = await this.send(client, planned, "get", undefined);
    if (!isUpdate) return;
    this.putsToCome--;
    if (read.outcome === "ok" && !this.over) {
      const hasSeen = read.seen !== null;
      await this.send(client, planned, "put", hasSeen ? this.seen[client]?.get(key) : undefined);
    }
  }

  private async send(
    client: number,
    { act, key, node, options: given }: PlannedOperation,
    kind: Operation["kind"],
    context: Seen | undefined,
  ): Promise<{ readonly outcome: Operation["outcome"]; readonly seen: SeenContext | null }> {
    const { scenario, sender, nowUs } = this.options;
    const operation = this.history.begin({
      client,
      act,
      kind,
      key,
      node,
      options: resolveOptions(given, scenario.config),
      startedAt: nowUs(),
      parents: context?.sources ?? [],
      contextFrom: context?.from ?? 0,
      blind: kind === "delete" && context === undefined,
      healing: false,
    });
    const patienceMs = operation.options.timeoutMs + scenario.workload.graceMs;
    const answer = await sender.send(requestOf(operation, given, context?.token), patienceMs);
    const { end, seen } = outcomeOf(operation, answer, this.history);
    this.history.end(operation.id, { endedAt: nowUs(), ...end });
    if (seen !== null) this.seen[client]?.set(key, { ...seen, from: operation.id });
    return { outcome: end.outcome, seen };
  }

  /** Resolves at that time, or when `signal` aborts. */
  private until(atUs: number, signal: AbortSignal): Promise<void> {
    const ms = (atUs - this.options.nowUs()) / 1_000;
    // Even without a pause, the promise lets the other clients run.
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
