/**
 * The clients of a run. Each one executes its operations in sequence, keeps the last context of each
 * key, and records its operations with their outcomes in the history.
 */
import type { ClientRequest, RequestOptions } from "../../dynamo/types/client_messages.ts";
import { pick } from "../../dynamo/types/random.ts";
import type { CausalContext } from "../../dynamo/versions/versions.ts";
import { type Distribution, parseDistribution } from "../../random/latency.ts";
import { SeededRandom } from "../../random/seeded.ts";
import { US_PER_MS } from "../faults/link_rules.ts";
import type { Scenario } from "../scenario/scenario.ts";
import type { ClientOutcome } from "../world/tasks.ts";
import type { World } from "../world/world.ts";
import type { History, Operation, OperationEnd, OperationStart } from "./history.ts";
import { type Act, ACTS } from "./workload_plan.ts";

/** What a client knows about a key from its last operation. */
export interface Knowledge {
  readonly context: CausalContext;
  /** The writes that the context covers. */
  readonly sources: readonly number[];
  /** The operation that returned the context. */
  readonly from: number;
  readonly fastest: string | undefined;
}

/** The next operation of a client. */
export interface PlannedOperation {
  readonly act: Act;
  readonly key: string;
  readonly node: string;
  readonly options: RequestOptions;
}

interface Client {
  readonly index: number;
  readonly random: SeededRandom;
  readonly home: string;
  readonly knows: Map<string, Knowledge>;
}

export class Clients {
  private clients: Client[] = [];
  private readonly think: Distribution;

  constructor(private readonly scenario: Scenario) {
    const { workload, seed, nodes } = scenario;
    this.think = parseDistribution(workload.kind === "mix" ? workload.think : "0");
    const root = SeededRandom.from(seed);
    for (let index = 0; index < workload.clients; index++) {
      const random = root.child(`client ${index}`);
      const home = pick(random, nodes).id;
      this.clients.push({ index, random, home, knows: new Map() });
    }
  }

  clone(): Clients {
    const copy = new Clients(this.scenario);
    copy.clients = this.clients.map((client) => ({
      ...client,
      random: client.random.clone(),
      knows: new Map(client.knows),
    }));
    return copy;
  }

  /** The next random operation of a client of a mixed workload; `world` is simulated or real. */
  draw(world: Pick<World, "ring">, index: number): PlannedOperation {
    const { workload } = this.scenario;
    if (workload.kind !== "mix") throw new Error("Only a mixed workload has random operations");
    const { random, home } = this.client(index);
    const act = drawAct(random, workload.acts);
    const key = `k${random.uint32() % workload.keys}`;
    const options = pick(random, workload.options);
    const node = workload.routing === "sticky"
      ? home
      : workload.routing === "any"
      ? pick(random, this.scenario.nodes).id
      : pick(random, world.ring.primariesOfKey(key));
    return { act, key, node, options };
  }

  thinkUs(index: number): number {
    return Math.round(this.think.sample(this.client(index).random) * US_PER_MS);
  }

  knowledge(index: number, key: string): Knowledge | undefined {
    return this.client(index).knows.get(key);
  }

  learn(index: number, key: string, knowledge: Knowledge): void {
    this.client(index).knows.set(key, knowledge);
  }

  private client(index: number): Client {
    return this.clients[index] as Client;
  }
}

function drawAct(random: SeededRandom, weights: Readonly<Record<Act, number>>): Act {
  const total = ACTS.reduce((sum, act) => sum + weights[act], 0);
  let left = random.float() * total;
  for (const act of ACTS) {
    left -= weights[act];
    if (left < 0) return act;
  }
  return "get";
}

/** Sends an operation of a client. The operation's id is the token of the answer. */
export function sendOperation(
  world: World,
  history: History,
  start: OperationStart,
  given: RequestOptions,
  knowledge: Knowledge | undefined,
): Operation {
  const operation = history.begin(start);
  const request = requestOf(operation, given, knowledge);
  world.ask(world.indexOf(operation.node), operation.id, request);
  return operation;
}

function requestOf(
  { kind, key, value }: Operation,
  given: RequestOptions,
  knowledge: Knowledge | undefined,
): ClientRequest {
  if (kind === "get") return { method: "get", key, ...given };
  const context = knowledge?.context ?? null;
  const hint = knowledge?.fastest === undefined ? {} : { fastest: knowledge.fastest };
  if (kind === "delete") return { method: "delete", key, context, ...hint, ...given };
  const contentType = "text/plain";
  return { method: "put", key, value: value as string, contentType, context, ...hint, ...given };
}

/** The end of the operation for this outcome; an outcome of null means that the client gave up. */
export function endOf(
  operation: Operation,
  outcome: ClientOutcome | null,
  history: History,
  now: number,
): OperationEnd {
  const unsure = operation.kind === "get" ? "failed" : "indeterminate";
  if (outcome === null) return { endedAt: now, outcome: unsure, reason: "no answer" };
  if (outcome.kind === "refused") return { endedAt: now, outcome: "failed", reason: "refused" };
  if (outcome.kind === "reset") return { endedAt: now, outcome: unsure, reason: "reset" };
  const { reply } = outcome;
  switch (reply.status) {
    case "error": {
      const { code, definite } = reply.error;
      return { endedAt: now, outcome: definite ? "failed" : unsure, reason: code };
    }
    case "written": {
      const { coordinator, acks, hints } = reply;
      return { endedAt: now, outcome: "ok", coordinator, acks, hints };
    }
    case "read": {
      const returned: number[] = [];
      const foreign: string[] = [];
      for (const { value } of reply.siblings) {
        const writer = history.writerOf(value ?? "");
        if (writer === undefined) foreign.push(value ?? "a tombstone");
        else returned.push(writer);
      }
      const acks = reply.replicas.filter((each) => each.outcome === "answered")
        .map((each) => each.node);
      const { coordinator } = reply;
      return { endedAt: now, outcome: "ok", returned, foreign, coordinator, acks };
    }
  }
}

/** The client's knowledge after an answer; undefined if the answer has no context. */
export function knowledgeFrom(
  operation: Operation,
  outcome: ClientOutcome | null,
): Knowledge | undefined {
  if (outcome?.kind !== "reply") return undefined;
  const { reply } = outcome;
  if (reply.status === "written") {
    const { context } = reply;
    // A blind delete also covers what its coordinator read. The client does not know that, so the
    // history has only the delete itself.
    return { context, sources: [operation.id], from: operation.id, fastest: undefined };
  }
  if (reply.status !== "read" || reply.context === null) return undefined;
  const { context, fastest } = reply;
  return { context, sources: operation.returned, from: operation.id, fastest };
}
