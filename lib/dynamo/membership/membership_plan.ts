/**
 * What a membership change would do, before it is committed: which tokens change owners,
 * which ranges change owners, and how even the shares are before and after (SOSP 2007, section 4.9).
 */
import { fairShares, joinRing } from "../ring/initial_ring.ts";
import { Ring } from "../ring/ring.ts";
import type { RingMember, RingState, Token } from "../ring/ring_state.ts";
import type { NodeId } from "../types/ids.ts";
import type {
  MembershipAct,
  MembershipPlan,
  Newcomer,
  NodeShare,
  RangeMove,
} from "../types/membership_plan.ts";
import { below, type Random } from "../types/random.ts";
import type { Membership } from "./membership.ts";
import type { MemberEntry, MembershipState, TokenEntry } from "./membership_state.ts";

/** A plan and what committing to it changes. */
export interface Draft {
  readonly plan: MembershipPlan;
  readonly change: MembershipState;
  /** The membership that it was made for. */
  readonly basis: string;
}

/** Thrown for a change that is not possible; the message is for the person who asked for it. */
export class ActError extends Error {
  override name = "ActError";
}

interface Around {
  readonly membership: Membership;
  readonly n: number;
  readonly tokensPerNode: number;
  /** Acknowledgements and replies that the cluster's requests need. */
  readonly quorum: number;
  readonly isUp: (node: NodeId) => boolean;
  /** Whether the node's disk is known to lack something that it should hold. */
  readonly isRecovering: (node: NodeId) => boolean;
  /** The data directory that the node was last heard of with. */
  readonly dataIdOf: (node: NodeId) => string | undefined;
}

/**
 * Works out what the change would do. Draws from `random`. Throws {@link ActError} saying why it is
 * not possible.
 */
export function draftOf(act: MembershipAct, planId: string, around: Around, random: Random): Draft {
  const { membership, n } = around;
  requireSense(act, around);
  const entries = entriesOf(act, around);
  const before: RingState = membership.ring.state;
  const tokens = tokensAfter(act, around, random);
  const members = membersAfter(membership, entries);
  const { segments: _, ...planned } = before;
  const after = new Ring({ ...planned, tokens: live(tokens), members }, n);
  const now = new Ring(before, n);
  return {
    plan: {
      planId,
      act,
      moves: movesBetween(now, after),
      balance: { before: sharesOf(now, membership), after: sharesOf(after, null) },
    },
    change: { members: entries, tokens: changedTokens(tokens, membership), registers: [] },
    basis: membership.planVersion,
  };
}

// Validation --------------------------------------------------------------------------------------

function requireSense(act: MembershipAct, around: Around): void {
  const { membership, isUp, quorum } = around;
  if (act.kind === "join") requireNewcomer(act, membership);
  else {
    const memberStatus = membership.memberStatus(act.node);
    if (memberStatus !== "member" && !(memberStatus === "leaving" && act.kind !== "leave")) {
      throw new ActError(
        `${cannot(act.kind, act.node)} as it is ${
          memberStatus === null
            ? "no member"
            : memberStatus === "leaving"
            ? "leaving already"
            : memberStatus
        }; members are ${active(membership).join(", ")}`,
      );
    }
  }
  if (act.kind === "remove" || act.kind === "replace") {
    if (isUp(act.node)) {
      throw new ActError(
        `${cannot(act.kind, act.node)} as it is alive: let it leave, or stop it first`,
      );
    }
    requireSurvivors(act.kind, act.node, around);
  }
  if (act.kind === "replace") requireNewcomer(act, membership);
  if (act.kind === "leave" || act.kind === "remove") {
    const left = membership.staying().filter((id) => id !== act.node);
    if (left.length < quorum) {
      throw new ActError(
        `${cannot(act.kind, act.node)} as requests need ${quorum} nodes and ${left.length} ` +
          "would be left: let another node join first",
      );
    }
  }
}

function requireNewcomer({ member, dataId, condition }: Newcomer, membership: Membership): void {
  const known = membership.entry(member.id);
  if (
    known !== undefined && (known.memberStatus === "member" || known.memberStatus === "leaving")
  ) {
    throw new ActError(
      `Cannot let '${member.id}' join as a node with this id is ${
        known.memberStatus === "member" ? "a member" : "leaving"
      } already, at ${known.member.url}`,
    );
  }
  const holder = membership.entries().find((entry) =>
    entry.member.url === member.url && membership.isActive(entry.member.id)
  );
  if (holder !== undefined) {
    throw new ActError(
      `Cannot let '${member.id}' join from ${member.url} as '${holder.member.id}' has that address`,
    );
  }
  // The membership need not know every directory that the node had: that it belonged to a member is
  // enough.
  const isOld = known?.memberStatus === "removed" &&
    (condition !== undefined || known.member.dataId === dataId);
  if (isOld || (dataId !== undefined && known?.removedData?.includes(dataId) === true)) {
    throw new ActError(
      `Cannot let '${member.id}' join with the data that it was removed with, which may hold what ` +
        "was deleted since: give it an empty data directory",
    );
  }
}

/**
 * Every range must keep an owner that has its data. One that is recovering may itself be waiting
 * for this node.
 */
function requireSurvivors(
  kind: "remove" | "replace",
  node: NodeId,
  { membership, isRecovering }: Around,
): void {
  const { ring } = membership;
  let orphaned = 0;
  for (let range = 0; range < ring.rangeCount; range++) {
    const others = ring.primaries(range).filter((id) =>
      id !== node && membership.memberStatus(id) !== "removed" && !isRecovering(id)
    );
    if (others.length === 0) orphaned++;
  }
  if (orphaned === 0) return;
  throw new ActError(
    `${cannot(kind, node)} as it is the last owner of the data in ${orphaned} ranges: start it ` +
      "again, and let it leave",
  );
}

function active(membership: Membership): NodeId[] {
  return membership.entries().map((entry) => entry.member.id).filter((id) =>
    membership.isActive(id)
  );
}

function cannot(kind: "leave" | "remove" | "replace", node: NodeId): string {
  return kind === "leave" ? `Cannot let '${node}' leave` : `Cannot ${kind} '${node}'`;
}

// Changes -----------------------------------------------------------------------------------------

function entriesOf(act: MembershipAct, { membership, dataIdOf }: Around): MemberEntry[] {
  const next = (id: NodeId) => (membership.entry(id)?.version ?? 0) + 1;
  const entries: MemberEntry[] = [];
  if (act.kind !== "join") {
    const known = membership.entry(act.node) as MemberEntry;
    // The directory that the membership knows, and a later one that gossip told of.
    const removedData = withItem(
      withItem(known.removedData, known.member.dataId),
      dataIdOf(act.node),
    );
    const gone = act.kind === "leave"
      ? { ...known, memberStatus: "leaving" as const }
      : { ...known, memberStatus: "removed" as const, removedData };
    entries.push({ ...gone, version: next(act.node) });
  }
  if (act.kind === "join" || act.kind === "replace") {
    const member = act.dataId === undefined ? act.member : { ...act.member, dataId: act.dataId };
    const removedData = membership.entry(member.id)?.removedData;
    const entry = { member, memberStatus: "member" as const, version: next(member.id) };
    entries.push(removedData === undefined ? entry : { ...entry, removedData });
  }
  return entries;
}

function withItem(list: readonly string[] = [], item: string | undefined): readonly string[] {
  return item === undefined || list.includes(item) ? list : [...list, item];
}

function membersAfter(membership: Membership, changes: readonly MemberEntry[]): RingMember[] {
  const entries = new Map(membership.entries().map((entry) => [entry.member.id, entry]));
  for (const change of changes) entries.set(change.member.id, change);
  return [...entries.values()].filter(({ memberStatus }) => memberStatus === "member")
    .map(({ member: { id, weight, zone } }) =>
      zone === undefined ? { id, weight } : { id, weight, zone }
    )
    .toSorted((a, b) => a.id < b.id ? -1 : 1);
}

function tokensAfter(act: MembershipAct, around: Around, random: Random): TokenEntry[] {
  const { membership, tokensPerNode } = around;
  const tokens = membership.plannedTokens();
  const { partitioning, partitions, members } = membership.ring.state;
  switch (act.kind) {
    case "join": {
      const { id, weight, zone } = act.member;
      const member = zone === undefined ? { id, weight } : { id, weight, zone };
      const joined = joinRing(
        { partitioning, partitions, tokens, members },
        member,
        tokensPerNode,
        random,
      );
      // A token may be drawn where one lay before.
      return joined.tokens.map((token) =>
        tokens.includes(token)
          ? token
          : { ...token, epoch: membership.tokenEpoch(token.position) + 1 }
      );
    }
    case "replace":
      return tokens.map((token) =>
        token.owner === act.node
          ? { ...token, owner: act.member.id, epoch: token.epoch + 1 }
          : token
      );
    case "leave":
    case "remove":
      return partitioning === "equal-partitions"
        ? givePartitions(
          tokens,
          (owner) => owner === act.node,
          members.filter(({ id }) => id !== act.node),
          random,
        )
        : tokens.map((token) =>
          token.owner === act.node ? { ...token, owner: null, epoch: token.epoch + 1 } : token
        );
  }
}

/**
 * The tokens to reassign after two changes that were planned without each other: those of a node
 * that should have none, or some for a member that has none. One repair at a time; empty when
 * nothing is wrong.
 */
export function amendment(
  membership: Membership,
  tokensPerNode: number,
  random: Random,
): TokenEntry[] {
  const orphans = adoptOrphans(membership, random);
  return orphans.length > 0 ? orphans : placeEmptyHanded(membership, tokensPerNode, random);
}

function placeEmptyHanded(
  membership: Membership,
  tokensPerNode: number,
  random: Random,
): TokenEntry[] {
  const { partitioning, partitions, members } = membership.ring.state;
  const tokens = membership.plannedTokens();
  const holders = new Set(tokens.map(({ owner }) => owner));
  const member = members.find(({ id }) => !holders.has(id));
  if (member === undefined) return [];
  if (partitioning === "equal-partitions" && partitions < members.length) return [];
  const others = members.filter(({ id }) => id !== member.id);
  const ring = { partitioning, partitions, tokens, members: others };
  return joinRing(ring, member, tokensPerNode, random).tokens
    .filter((token) => token.owner === member.id)
    .map((token) => ({ ...token, epoch: membership.tokenEpoch(token.position) + 1 }));
}

function adoptOrphans(membership: Membership, random: Random): TokenEntry[] {
  const { partitioning, members } = membership.ring.state;
  const orphans = new Set(membership.orphans().map(({ position }) => position));
  const stray = new Set(membership.orphans().map(({ owner }) => owner));
  const tokens = membership.plannedTokens();
  if (members.length === 0 || orphans.size === 0) return [];
  if (partitioning === "equal-partitions") {
    const given = givePartitions(tokens, (owner) => stray.has(owner), members, random);
    return given.filter(({ position }) => orphans.has(position));
  }
  if (orphans.size === tokens.length) return [];
  return tokens.filter(({ position }) => orphans.has(position))
    .map((token) => ({ ...token, owner: null, epoch: token.epoch + 1 }));
}

/** Each partition goes to the node with the least per weight, but no neighbour; ties at random. */
function givePartitions(
  tokens: readonly Token[],
  isSender: (owner: NodeId) => boolean,
  left: readonly RingMember[],
  random: Random,
): TokenEntry[] {
  const wanted = fairShares(left, tokens.length);
  for (const { owner } of tokens) {
    if (wanted.has(owner)) wanted.set(owner, (wanted.get(owner) as number) - 1);
  }
  const result: TokenEntry[] = [...tokens];
  tokens.forEach((token, i) => {
    if (!isSender(token.owner)) return;
    const near = [-2, -1, 1, 2].map((by) =>
      result[(i + by + tokens.length) % tokens.length]?.owner
    );
    const rank = (id: NodeId) => (wanted.get(id) ?? 0) > 0 ? (near.includes(id) ? 1 : 0) : 2;
    const best = Math.min(...left.map(({ id }) => rank(id)));
    const among = left.filter(({ id }) => rank(id) === best);
    const owner = among[below(random, among.length)]?.id as NodeId;
    wanted.set(owner, (wanted.get(owner) ?? 0) - 1);
    result[i] = { position: token.position, owner, epoch: token.epoch + 1 };
  });
  return result;
}

function live(tokens: readonly TokenEntry[]): Token[] {
  return tokens.flatMap(({ position, owner, epoch }) =>
    owner === null ? [] : [{ position, owner, epoch }]
  );
}

function changedTokens(tokens: readonly TokenEntry[], membership: Membership): TokenEntry[] {
  return tokens.filter(({ position, epoch }) => epoch > membership.tokenEpoch(position));
}

// Comparison --------------------------------------------------------------------------------------

function movesBetween(before: Ring, after: Ring): RangeMove[] {
  // Under random tokens a new token cuts a range, and each part has its own moves.
  const cuts = [before, after].flatMap((ring) =>
    Array.from({ length: ring.rangeCount }, (_, range) => ring.range(range).start)
  );
  const starts = [...new Set(cuts)].toSorted();
  const part = new Ring(
    { ...after.state, segments: starts.map((start) => ({ start, owners: [], epoch: 1 })) },
    after.n,
  );
  return starts.flatMap((start, range) => {
    const held = before.primaries(before.rangeAt(start));
    const planned = after.primaries(after.rangeAt(start));
    const from = held.filter((id) => !planned.includes(id));
    const to = planned.filter((id) => !held.includes(id));
    return Array.from({ length: Math.max(from.length, to.length) }, (_, i) => ({
      range,
      from: from[i] ?? null,
      to: to[i] ?? null,
      share: part.shareOf(range),
    }));
  });
}

function sharesOf(ring: Ring, membership: Membership | null): Record<NodeId, NodeShare> {
  const shares: Record<NodeId, { tokens: number; ranges: number; share: number }> = {};
  const of = (id: NodeId) => shares[id] ??= { tokens: 0, ranges: 0, share: 0 };
  for (const { id } of ring.state.members) of(id);
  for (const { owner } of membership?.plannedTokens() ?? ring.state.tokens) of(owner).tokens++;
  for (let range = 0; range < ring.rangeCount; range++) {
    for (const id of ring.primaries(range)) {
      of(id).ranges++;
      of(id).share += ring.shareOf(range);
    }
  }
  return shares;
}
