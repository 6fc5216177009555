/**
 * Drives a run through its three phases, after TigerBeetle's `vopr.zig`:
 *
 * 1. safety: clients send requests while faults occur;
 * 2. healing: all faults end, and requests in progress may finish;
 * 3. liveness: the owners of every key must become equal within a time limit (see `healing.ts`).
 */
import type { Replica } from "../dynamo/replica.ts";
import { resolveOptions } from "../dynamo/requests/request_options.ts";
import type { ClusterConfig } from "../dynamo/types/config.ts";
import type { Life } from "../dynamo/types/life.ts";
import type { StoredRecord } from "../dynamo/types/records.ts";
import { isRestless } from "./checkers/checker.ts";
import { US_PER_MS } from "./faults/link_rules.ts";
import {
  divergentKeys,
  hintsHeld,
  type Holding,
  holdingsOf,
  KEYS_AT_ONCE,
  unreadableKeys,
} from "./healing.ts";
import { RunRecord } from "./run_record.ts";
import type { Scenario } from "./scenario/scenario.ts";
import {
  Clients,
  endOf,
  type Knowledge,
  knowledgeFrom,
  type PlannedOperation,
  sendOperation,
} from "./workload/clients.ts";
import { History, type Operation, type OperationStart } from "./workload/history.ts";
import type { Act } from "./workload/workload_plan.ts";
import type { Destroyed } from "./world/disk.ts";
import type { ClientOutcome } from "./world/tasks.ts";
import type { World } from "./world/world.ts";
import type { Driver } from "./world/world.ts";

type Phase = "safety" | "healing" | "liveness" | "done";

/** The client number of the healing reads. */
const HEALER = -1;

/** A node remembers a forward for two timeouts, and its answer can take another one. */
const SETTLE_TIMEOUTS = 3;

/** Scans of the disk that reaping may need: it has two rounds, with a confirmation of every member. */
const REAP_ROUNDS = 100;

/** The kinds of wake-ups; a token is `number * WAKES + kind`. */
const WAKES = 4;
const THINK = 0;
const GIVE_UP = 1;
const SCRIPT = 2;
const PHASE = 3;

/** Comparing the lives of all pairs of nodes is skipped in larger clusters. */
const COMPARED_NODES_MAX = 64;

export class RunDriver implements Driver {
  phase: Phase = "safety";
  history: History;
  record: RunRecord;
  /** When the owners of every key were found to be equal, in virtual µs; null if they never were. */
  convergedAt: number | null = null;
  /** The number of liveness rounds so far. */
  rounds = 0;
  healedAt = 0;
  finishedAt = 0;
  /** The keys whose owners differ at the end of the run. */
  divergent: readonly string[] = [];
  /** The replicas of each key at the end of the safety phase. */
  holdingsAtHealing: (readonly Holding[])[] = [];
  /** How long requests in progress at the healing may take, in µs. */
  private settleUs = 0;
  private clients: Clients;
  readonly keys = new Set<string>();
  private pending = new Map<
    number,
    { readonly client: number; readonly then: PlannedOperation | null }
  >();
  /** Puts of updates whose reads are in progress. They count towards the workload's operations. */
  private putsToCome = 0;
  private scriptLeft: number;
  private toRead: string[] = [];
  /** The round whose end is scheduled. */
  private roundEnding = 0;

  constructor(private readonly scenario: Scenario) {
    const { workload } = scenario;
    this.history = new History(workload.valueBytes);
    this.record = new RunRecord(this.history);
    this.clients = new Clients(scenario);
    this.scriptLeft = workload.kind === "script" ? workload.operations.length : 0;
  }

  clone(): RunDriver {
    const copy = new RunDriver(this.scenario);
    copy.phase = this.phase;
    copy.history = this.history.clone();
    copy.record = this.record.clone(copy.history);
    copy.convergedAt = this.convergedAt;
    copy.rounds = this.rounds;
    copy.healedAt = this.healedAt;
    copy.finishedAt = this.finishedAt;
    copy.divergent = this.divergent;
    copy.holdingsAtHealing = [...this.holdingsAtHealing];
    copy.settleUs = this.settleUs;
    copy.clients = this.clients.clone();
    for (const key of this.keys) copy.keys.add(key);
    copy.pending = new Map(this.pending);
    copy.putsToCome = this.putsToCome;
    copy.scriptLeft = this.scriptLeft;
    copy.toRead = [...this.toRead];
    copy.roundEnding = this.roundEnding;
    return copy;
  }

  committed(node: number, key: string, record: StoredRecord, at: number): void {
    this.record.committed(node, key, record, at);
  }

  destroyed(node: number, key: string, how: Destroyed, at: number): void {
    this.record.destroyed(node, key, how, at);
  }

  removed(node: number, key: string): void {
    this.record.removed(node, key);
  }

  stateSent(node: number, notDurable: string | null, at: number): void {
    this.record.stateSent(node, notDurable, at);
  }

  removalStarted(node: number, dataId: string): void {
    this.record.removalStarted(node, dataId);
  }

  removalFailed(node: number, dataId: string): void {
    this.record.removalFailed(node, dataId);
  }

  begin(world: World): void {
    const { workload, faults, durationMs } = this.scenario;
    for (const fault of faults) world.scheduleFault(fault);
    world.wakeAt(durationMs * US_PER_MS, PHASE);
    if (workload.kind === "script") {
      workload.operations.forEach(({ atUs }, i) => world.wakeAt(atUs, i * WAKES + SCRIPT));
    } else {
      for (let client = 0; client < workload.clients; client++) {
        world.wakeAt(this.clients.thinkUs(client), client * WAKES + THINK);
      }
    }
    this.endSafetyWhenIdle(world);
  }

  woken(world: World, token: number): void {
    const number = Math.floor(token / WAKES);
    switch (token % WAKES) {
      case THINK:
        if (this.phase === "safety" && this.hasRoomFor(1)) {
          const planned = this.clients.draw(world, number);
          const isCut = planned.act === "update" && !this.hasRoomFor(2);
          this.startOperation(world, number, isCut ? { ...planned, act: "get" } : planned);
        }
        break;
      case GIVE_UP:
        this.giveUp(world, number);
        break;
      case SCRIPT:
        this.onScript(world, number);
        break;
      case PHASE:
        this.advance(world, number);
        break;
    }
  }

  answered(world: World, token: number, outcome: ClientOutcome): void {
    this.end(world, token, outcome);
  }

  // Operations ------------------------------------------------------------------------------------

  /** Whether the workload has this many operations left. */
  private hasRoomFor(operations: number): boolean {
    const { workload } = this.scenario;
    return workload.kind === "script" ||
      this.history.size + this.putsToCome + operations <= workload.operations;
  }

  private onScript(world: World, index: number): void {
    const { workload } = this.scenario;
    if (workload.kind !== "script" || this.phase !== "safety") return;
    const planned = workload.operations[index];
    if (planned === undefined) return;
    this.scriptLeft--;
    this.startOperation(world, planned.client, planned);
  }

  private startOperation(world: World, client: number, planned: PlannedOperation): void {
    this.keys.add(planned.key);
    const reads = planned.act === "get" || planned.act === "update";
    const known = planned.act === "put-with-context" || planned.act === "delete"
      ? this.clients.knowledge(client, planned.key)
      : undefined;
    const kind = reads ? "get" : planned.act.startsWith("delete") ? "delete" : "put";
    this.send(world, client, planned, kind, known, planned.act === "update" ? planned : null);
  }

  private send(
    world: World,
    client: number,
    planned: PlannedOperation,
    kind: Operation["kind"],
    known: Knowledge | undefined,
    then: PlannedOperation | null,
  ): void {
    const { act, key, node, options } = planned;
    const start: OperationStart = {
      client,
      act,
      kind,
      key,
      node,
      options: resolveOptions(options, this.scenario.config),
      startedAt: world.now,
      parents: known?.sources ?? [],
      contextFrom: known?.from ?? 0,
      blind: kind === "delete" && known === undefined,
      healing: client === HEALER,
    };
    const operation = sendOperation(world, this.history, start, options, known);
    this.pending.set(operation.id, { client, then });
    if (then !== null) this.putsToCome++;
    world.tracer?.started?.(operation, world.now);
    const patienceMs = operation.options.timeoutMs + this.scenario.workload.graceMs;
    world.wakeAt(world.now + Math.round(patienceMs * US_PER_MS), operation.id * WAKES + GIVE_UP);
  }

  private giveUp(world: World, id: number): void {
    if (this.pending.has(id)) this.end(world, id, null);
  }

  private end(world: World, id: number, outcome: ClientOutcome | null): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.pending.delete(id);
    if (pending.then !== null) this.putsToCome--;
    const end = endOf(this.history.get(id), outcome, this.history, world.now);
    const operation = this.history.end(id, end);
    world.tracer?.ended?.(operation, world.now);
    if (operation.healing) {
      this.readNext(world);
      return;
    }
    const { client, then } = pending;
    const knowledge = knowledgeFrom(operation, outcome);
    if (knowledge !== undefined) this.clients.learn(client, operation.key, knowledge);
    if (then !== null && operation.outcome === "ok" && this.phase === "safety") {
      this.send(world, client, then, "put", knowledge, null);
      return;
    }
    if (this.scenario.workload.kind === "mix" && this.phase === "safety" && this.hasRoomFor(1)) {
      world.wakeAt(world.now + this.clients.thinkUs(client), client * WAKES + THINK);
    }
    this.endSafetyWhenIdle(world);
  }

  // Phases ----------------------------------------------------------------------------------------

  private endSafetyWhenIdle(world: World): void {
    if (this.phase !== "safety" || this.pending.size > 0 || this.scriptLeft > 0) return;
    if (this.scenario.workload.kind === "script" || !this.hasRoomFor(1)) this.heal(world);
  }

  private heal(world: World): void {
    this.phase = "healing";
    this.healedAt = world.now;
    const longest = this.history.operations.reduce(
      (most, { options }) => Math.max(most, options.timeoutMs),
      this.scenario.config.timeoutMs,
    );
    this.settleUs = SETTLE_TIMEOUTS * longest * US_PER_MS;
    for (const key of this.keys) this.holdingsAtHealing.push(holdingsOf(world, key));
    world.faults.heal(world);
    world.wakeAt(world.now + this.settleUs, PHASE);
  }

  private advance(world: World, step: number): void {
    if (step === 0 && this.phase === "safety") this.heal(world);
    else if (this.phase === "healing" && world.now >= this.healedAt + this.settleUs) {
      const isIdle = this.pending.size === 0 &&
        (isRestless(this.scenario) ? !hasRequests(world) : world.isQuiet && !isBusy(world));
      if (!isIdle && world.now < this.boundUs) world.wakeAt(world.now + this.settleUs, PHASE);
      else {
        this.phase = "liveness";
        this.startRound(world);
      }
    } else if (this.phase === "liveness" && step === this.rounds) this.endRound(world);
  }

  /** Whether anti-entropy makes the owners equal without reads. */
  private get healsItself(): boolean {
    const { antiEntropyIntervalMs, gossipIntervalMs } = this.scenario.config;
    return antiEntropyIntervalMs > 0 && gossipIntervalMs > 0;
  }

  /** When tombstones have been reaped. Only after that can a resurrected key be detected. */
  private get reapedAt(): number {
    const { reapIntervalMs, tombstoneGraceMs } = this.scenario.config;
    if (reapIntervalMs === 0 || !this.healsItself) return 0;
    const at = this.healedAt + (tombstoneGraceMs + REAP_ROUNDS * reapIntervalMs) * US_PER_MS;
    // A run does not wait for a grace time beyond its limit.
    return at <= this.boundUs ? at : 0;
  }

  /** When the owners must be equal. */
  private get boundUs(): number {
    return this.healedAt + this.scenario.convergeWithinMs * US_PER_MS;
  }

  private startRound(world: World): void {
    this.rounds++;
    const keys = !this.healsItself
      ? [...this.keys]
      : this.scenario.config.scrubIntervalMs > 0
      ? []
      : unreadableKeys(world, this.keys);
    this.toRead = keys.reverse();
    if (keys.length === 0) this.endRoundLater(world);
    for (let i = 0; i < KEYS_AT_ONCE; i++) this.readNext(world);
  }

  private readNext(world: World): void {
    const key = this.toRead.pop();
    if (key !== undefined) this.read(world, key);
    else if (this.pending.size === 0) this.endRoundLater(world);
  }

  /** Waits at the end of a round, because read repair and anti-entropy take some time. */
  private endRoundLater(world: World): void {
    if (this.roundEnding === this.rounds) return;
    this.roundEnding = this.rounds;
    world.wakeAt(world.now + this.settleUs, this.rounds * WAKES + PHASE);
  }

  private read(world: World, key: string): void {
    const owners = world.ring.primariesOfKey(key);
    const node = owners[this.rounds % owners.length] as string;
    const act: Act = "get";
    this.send(
      world,
      HEALER,
      { act, key, node, options: { r: owners.length } },
      "get",
      undefined,
      null,
    );
  }

  private endRound(world: World): void {
    this.divergent = divergentKeys(world, this.keys);
    const isEqual = this.divergent.length === 0 && hintsHeld(world).length === 0 &&
      unsettled(world).length === 0;
    const isDone = isEqual && world.now >= this.reapedAt;
    // Owners that were equal before reaping must be equal after it.
    this.convergedAt = isEqual ? world.now : null;
    if (!isDone && world.now < this.boundUs) {
      this.startRound(world);
      return;
    }
    this.phase = "done";
    this.finishedAt = world.now;
  }
}

/** Whether a permanently removed machine is still a member. Then its ranges cannot move. */
export function hasLostMember({ machines }: World): boolean {
  return machines.some(({ id, isGone }) =>
    isGone && machines.some(({ replica }) => replica?.membership.isActive(id) === true)
  );
}

/** The unfinished membership changes and transfers; empty if everything is complete. */
export function unsettled(world: World): string[] {
  const replicas = world.machines.flatMap(({ id, replica }) =>
    replica?.membership.isActive(id) === true ? [{ id, replica }] : []
  );
  const version = replicas[0]?.replica.membership.version;
  const restless = replicas.flatMap(({ id, replica: { membership, ring, isAtRest, recovery } }) =>
    recovery.status !== "settled"
      ? [`${id} is ${recovery.status} and waits for ${recovery.waitingFor.join(", ")}`]
      : ring.steps.length > 0
      ? [`${id} has ${ring.steps.length} ranges that must still move`]
      : membership.version !== version
      ? [`${id} has another membership than ${replicas[0]?.id}`]
      : isAtRest
      ? []
      : [`${id} has unfinished transfers or orphaned replicas`]
  );
  const all = [...restless, ...unknownLives(replicas)];
  return world.orders.isIdle ? all : ["a membership change is not committed or refused", ...all];
}

interface RunningNode {
  readonly id: string;
  readonly replica: Replica;
}

/** Nodes whose current life is unknown to others; those could not recognise an older copy of its disk. */
function unknownLives(replicas: readonly RunningNode[]): string[] {
  if (replicas.length > COMPARED_NODES_MAX) return [];
  return replicas.flatMap(({ id, replica: { life } }) =>
    replicas.filter((other) => other.id !== id)
      .filter(({ replica }) => !knows(replica.remembers(id), life, replica.config))
      .map((other) => `${other.id} does not know the current life of ${id}`)
  );
}

/** Whether the life is known. Without gossip, nodes do not learn of first starts. */
function knows(remembered: Life | null, life: Life, { gossipIntervalMs }: ClusterConfig): boolean {
  if (remembered === null) return gossipIntervalMs === 0;
  return remembered.bootNumber === life.bootNumber;
}

/** Whether requests are open. A clock that was set back can delay their timeouts. */
function hasRequests(world: World): boolean {
  return world.machines.some(({ replica }) => (replica?.stats().requestsInFlight ?? 0) > 0);
}

function isBusy(world: World): boolean {
  return world.machines.some(({ replica }) => (replica?.stats().conversations ?? 0) > 0);
}
