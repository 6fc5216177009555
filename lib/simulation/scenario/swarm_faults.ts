/**
 * A random fault of a given kind, at a random time of a run.
 */
import { below, pick, shuffled } from "../../dynamo/types/random.ts";
import { MESSAGE_LEGS } from "../../random/latency.ts";
import type { SeededRandom } from "../../random/seeded.ts";
import { CUT_MODES, type Fault, type FaultKind, type Links } from "../faults/faults.ts";

/** The random generator, and the nodes and times that a fault can have. */
export interface FaultDice {
  readonly random: SeededRandom;
  readonly nodes: readonly string[];
  /** The endpoints of links that may be cut: the nodes, and sometimes the clients. */
  readonly ends: readonly string[];
  /** Nodes whose copies may be destroyed. */
  readonly fragile: readonly string[];
  /** Nodes that may join. */
  readonly spares: readonly string[];
  /** Whether the membership may change; that needs gossip. */
  readonly mayChange: boolean;
  /** Whether a disk may be restored. That needs gossip, and no reaping of what the disk could revive. */
  readonly mayRestore: boolean;
  readonly horizonMs: number;
}

/** One fault of the kind; none if the kind is impossible here, for example without a fragile node. */
export function drawFault(kind: FaultKind, dice: FaultDice): Fault[] {
  const { random, nodes, fragile, spares } = dice;
  const atMs = integer(random, 0, dice.horizonMs);
  const lasts = { atMs, forMs: integer(random, 1, dice.horizonMs / 2) };
  const down = { downMs: integer(random, 0, dice.horizonMs / 2) };
  const node = pick(random, nodes);
  const how = pick(random, CUT_MODES);
  switch (kind) {
    case "loss":
      return [{ kind, ...lasts, ...drawLinks(dice), probability: probability(random, 0.5) }];
    case "duplicate": {
      const withinMs = integer(random, 0, dice.horizonMs);
      return [{
        kind,
        ...lasts,
        ...drawLinks(dice),
        probability: probability(random, 0.7),
        withinMs,
      }];
    }
    case "reorder": {
      const byMs = integer(random, 1, 100);
      return [{ kind, ...lasts, ...drawLinks(dice), probability: probability(random, 0.7), byMs }];
    }
    case "delay": {
      const latency = pick(random, ["20", "exp(0.02)", "uniform(0,200)", "pareto(2,1.2)"]);
      return [{ kind, ...lasts, ...drawLinks(dice), latency }];
    }
    case "bandwidth": {
      const bytesPerSecond = pick(random, [2_000, 20_000, 200_000]);
      return [{ kind, ...lasts, ...drawLinks(dice), bytesPerSecond }];
    }
    case "clog":
      return [{ kind, ...lasts, ...drawLinks(dice) }];
    case "partition":
      return drawGroups(dice).map((groups) => ({ kind, ...lasts, groups, how }));
    case "partition-oneway":
      return drawGroups(dice).map(([from, to]) => ({ kind, ...lasts, from, to, how }));
    case "flapping": {
      const periodMs = integer(random, 2, 200);
      const downMs = integer(random, 1, periodMs);
      return [{ kind, ...lasts, ...drawLinks(dice), periodMs, downMs, how }];
    }
    case "crash":
      return [{ kind, atMs, node, ...down }];
    case "kill":
      return [{
        kind,
        atMs,
        node,
        ...down,
        torn: fragile.includes(node) ? probability(random, 1) : 0,
      }];
    case "restart":
      return [{ kind, atMs, node }];
    case "pause":
    case "disk-full":
      return [{ kind, ...lasts, node }];
    case "slow-node":
      return [{ kind, ...lasts, node, stepMs: pick(random, [0.1, 1, 10]) }];
    case "wipe":
      return fragile.length === 0 ? [] : [{ kind, atMs, node: pick(random, fragile), ...down }];
    case "restore": {
      if (fragile.length === 0 || !dice.mayRestore) return [];
      const agoMs = integer(random, 0, atMs);
      return [{ kind, atMs, node: pick(random, fragile), agoMs, ...down }];
    }
    case "disk-slow":
      return [{ kind, ...lasts, node, factor: pick(random, [10, 100, 1_000]) }];
    case "disk-failing": {
      const operations = pick(random, ["loads", "stores", "both"] as const);
      return [{ kind, ...lasts, node, probability: probability(random, 0.9), operations }];
    }
    case "disk-corrupt": {
      if (fragile.length === 0) return [];
      return [{ kind, atMs, node: pick(random, fragile), records: integer(random, 1, 4) }];
    }
    case "clock-skew":
      return [{ kind, ...lasts, node, byMs: drawOffset(random) }];
    case "clock-jump":
      return [{ kind, atMs, node, byMs: drawOffset(random) }];
    case "join":
      return spares.length === 0 ? [] : [{ kind, atMs, node: pick(random, spares) }];
    case "leave":
      return dice.mayChange ? [{ kind, atMs, node }] : [];
    case "remove":
      return fragile.length === 0 || !dice.mayChange
        ? []
        : [{ kind, atMs, node: pick(random, fragile) }];
    case "return":
      return fragile.length === 0 || !dice.mayChange
        ? []
        : [{ kind, atMs, node: pick(random, fragile) }];
    case "replace": {
      if (fragile.length === 0 || spares.length === 0) return [];
      const [dead, by] = [pick(random, fragile), pick(random, spares)];
      return dead === by ? [] : [{ kind, atMs, node: dead, by }];
    }
  }
}

function integer(random: SeededRandom, min: number, max: number): number {
  return min + below(random, Math.max(1, Math.floor(max - min + 1)));
}

/** A probability from 0.01 to `max`, in whole hundredths. */
function probability(random: SeededRandom, max: number): number {
  return integer(random, 1, max * 100) / 100;
}

function drawOffset(random: SeededRandom): number {
  const size = pick(random, [1, 50, 1_000, 30_000]);
  return integer(random, 0, 1) === 0 ? size : -size;
}

/** All links or those from or to some endpoints; all messages or those of some legs. */
function drawLinks(dice: FaultDice): Links {
  const { random } = dice;
  const some = () => shuffled(random, dice.ends).slice(0, integer(random, 1, dice.ends.length));
  const from = integer(random, 0, 2) === 0 ? { from: some() } : {};
  const to = integer(random, 0, 2) === 0 ? { to: some() } : {};
  const legs = integer(random, 0, 3) === 0
    ? { legs: shuffled(random, MESSAGE_LEGS).slice(0, integer(random, 1, 3)) }
    : {};
  return { ...from, ...to, ...legs };
}

/** Divides all endpoints into two groups; nothing if there is only one endpoint. */
function drawGroups({ random, ends }: FaultDice): [string[], string[]][] {
  if (ends.length < 2) return [];
  const mixed = shuffled(random, ends);
  const cut = integer(random, 1, ends.length - 1);
  return [[mixed.slice(0, cut), mixed.slice(cut)]];
}
