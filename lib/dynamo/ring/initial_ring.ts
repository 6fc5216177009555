/**
 * The initial ring, made once when a cluster is created and stored as data from then on, and how a
 * joining node takes its share (SOSP 2007, sections 4.2 and 6.2). See `ring.ts` for what tokens
 * mean.
 */
import { ConfigError } from "../types/config.ts";
import type { NodeId } from "../types/ids.ts";
import { below, type Random } from "../types/random.ts";
import { boundaryOf, type Position } from "./position.ts";
import type { Partitioning, RingMember, RingState, Token } from "./ring_state.ts";

interface InitialRingPlan {
  readonly partitioning: Partitioning;
  /** Q; ignored under `random-tokens`. */
  readonly partitions: number;
  /** Tokens of a node of weight 1; ignored under `equal-partitions`, where Q / S follow. */
  readonly tokensPerNode: number;
  /** N, the replicas of a key: N neighbours on the ring should be distinct nodes. */
  readonly n: number;
}

/**
 * Places the initial members' tokens. Deterministic in `random`. Throws `ConfigError` when there
 * are fewer partitions than nodes.
 */
export function makeInitialRing(
  members: readonly RingMember[],
  plan: InitialRingPlan,
  random: Random,
): RingState {
  if (members.length === 0) throw new Error("Cannot make a ring without members");
  if (plan.partitioning === "equal-partitions" && plan.partitions < members.length) {
    throw new ConfigError(
      `partitions must be at least the number of nodes, ${members.length}, for each to own one: current value is ${plan.partitions}`,
    );
  }
  const sorted = sortedById(members);
  const tokens = plan.partitioning === "equal-partitions"
    ? dealPartitions(sorted, plan.partitions, plan.n, random)
    : sorted.flatMap((member) => drawTokens(member, plan.tokensPerNode, random));
  return {
    partitioning: plan.partitioning,
    partitions: plan.partitioning === "random-tokens" ? 0 : plan.partitions,
    tokens: sortedByPosition(tokens),
    members: sorted,
  };
}

/**
 * The ring after `member` has joined: it draws tokens of its own, or takes whole partitions from
 * the nodes with the most for their weight, until its share is fair. Nothing else moves.
 */
export function joinRing(
  ring: RingState,
  member: RingMember,
  tokensPerNode: number,
  random: Random,
): RingState {
  if (ring.members.some((known) => known.id === member.id)) {
    throw new Error(`Cannot join node '${member.id}': it is a member already`);
  }
  const members = sortedById([...ring.members, member]);
  const tokens = ring.partitioning === "equal-partitions"
    ? takePartitions(ring.tokens, members, member, random)
    : [...ring.tokens, ...drawTokens(member, tokensPerNode, random)];
  return { ...ring, members, tokens: sortedByPosition(tokens) };
}

/** How many of `partitions` each member should hold: by weight, the largest remainders rounded up. */
export function fairShares(
  members: readonly RingMember[],
  partitions: number,
): Map<NodeId, number> {
  const total = members.reduce((sum, member) => sum + member.weight, 0);
  const exact = members.map((member) => ({
    id: member.id,
    share: partitions * member.weight / total,
  }));
  const shares = new Map(exact.map(({ id, share }) => [id, Math.floor(share)]));
  let left = partitions - [...shares.values()].reduce((sum, share) => sum + share, 0);
  const byRemainder = exact.toSorted((a, b) => b.share % 1 - a.share % 1 || (a.id < b.id ? -1 : 1));
  for (const { id } of byRemainder) {
    if (left === 0) break;
    shares.set(id, (shares.get(id) ?? 0) + 1);
    left--;
  }
  if (partitions >= members.length) giveEachOne(shares);
  return shares;
}

/** A node without a partition is in no preference list, and a key could have fewer than N owners. */
function giveEachOne(shares: Map<NodeId, number>): void {
  for (const [id, share] of shares) {
    if (share > 0) continue;
    const richest = [...shares].reduce((most, next) => next[1] > most[1] ? next : most);
    shares.set(richest[0], richest[1] - 1);
    shares.set(id, 1);
  }
}

function dealPartitions(
  members: readonly RingMember[],
  partitions: number,
  n: number,
  random: Random,
): Token[] {
  const left = fairShares(members, partitions);
  const zones = new Map(members.map((member) => [member.id, member.zone]));
  const dealt: NodeId[] = [];
  for (let index = 0; index < partitions; index++) {
    // The last partitions are neighbours of the first: the ring is a circle.
    const ahead = Math.max(0, index + n - partitions);
    const near = [...dealt.slice(Math.max(0, index - n + 1)), ...dealt.slice(0, ahead)];
    dealt.push(nextOwner(left, near, zones, random));
  }
  return dealt.map((owner, i) => ({ position: boundaryOf(i, partitions), owner, epoch: 1 }));
}

/**
 * The node that is furthest from its share. Neighbours on the ring, and nodes in a neighbour's
 * zone, are avoided where possible.
 */
function nextOwner(
  left: Map<NodeId, number>,
  near: readonly NodeId[],
  zones: ReadonlyMap<NodeId, string | undefined>,
  random: Random,
): NodeId {
  const nearZones = new Set(near.map((id) => zones.get(id)).filter((zone) => zone !== undefined));
  const penalty = (id: NodeId) =>
    near.includes(id) ? 2 : nearZones.has(zones.get(id) as string) ? 1 : 0;
  let best: NodeId[] = [];
  let bestRank: readonly [number, number] = [Infinity, 0];
  for (const [id, count] of left) {
    if (count === 0) continue;
    const rank = [penalty(id), count] as const;
    if (rank[0] < bestRank[0] || (rank[0] === bestRank[0] && rank[1] > bestRank[1])) {
      best = [id];
      bestRank = rank;
    } else if (rank[0] === bestRank[0] && rank[1] === bestRank[1]) {
      best.push(id);
    }
  }
  const owner = best[below(random, best.length)];
  if (owner === undefined) throw new Error("Cannot deal more partitions than the shares add up to");
  left.set(owner, (left.get(owner) ?? 0) - 1);
  return owner;
}

function takePartitions(
  tokens: readonly Token[],
  members: readonly RingMember[],
  receiver: RingMember,
  random: Random,
): Token[] {
  const weights = new Map(members.map((member) => [member.id, member.weight]));
  const held = new Map<NodeId, number>();
  for (const token of tokens) held.set(token.owner, (held.get(token.owner) ?? 0) + 1);
  const wanted = fairShares(members, tokens.length).get(receiver.id) ?? 0;
  const result = [...tokens];
  for (let taken = 0; taken < wanted; taken++) {
    // A node's last partition stays: without one it is in no preference list.
    const donors = [...held].filter(([, count]) => count > 1);
    if (donors.length === 0) break;
    const donor = donors.reduce((most, next) =>
      next[1] / (weights.get(next[0]) ?? 1) > most[1] / (weights.get(most[0]) ?? 1) ? next : most
    )[0];
    held.set(donor, (held.get(donor) ?? 0) - 1);
    const theirs = result.flatMap((token, i) =>
      token.owner === donor ? [i] : []
    );
    const index = theirs[below(random, theirs.length)] as number;
    const token = result[index] as Token;
    result[index] = { position: token.position, owner: receiver.id, epoch: token.epoch + 1 };
  }
  return result;
}

function drawTokens(member: RingMember, tokensPerNode: number, random: Random): Token[] {
  const count = Math.max(1, Math.round(tokensPerNode * member.weight));
  return Array.from({ length: count }, () => ({
    position: randomPosition(random),
    owner: member.id,
    epoch: 1,
  }));
}

function randomPosition(random: Random): Position {
  return Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, "0")).join("");
}

function sortedById(members: readonly RingMember[]): RingMember[] {
  return members.toSorted((a, b) => a.id < b.id ? -1 : 1);
}

function sortedByPosition(tokens: readonly Token[]): Token[] {
  return tokens.toSorted((a, b) => a.position < b.position ? -1 : a.position > b.position ? 1 : 0);
}
