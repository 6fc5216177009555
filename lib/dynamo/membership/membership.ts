/**
 * The membership as this node knows it: who belongs to the cluster, which tokens they *should* hold,
 * and who *does* hold each range until the data has moved (SOSP 2007, section 4.8).
 *
 * All of it is versioned entries of which the newer wins, so views that were told the same things
 * are the same, in whatever order they heard them; only what differs from the initial configuration
 * travels. A member that leaves keeps its entry: a forgotten node could come back with old data.
 */
import { md5 } from "js-md5";
import { Ownership, requireSuccession, withSlots } from "../ring/ownership.ts";
import type { Position } from "../ring/position.ts";
import { Ring } from "../ring/ring.ts";
import type { LocalMark, RingState, Token } from "../ring/ring_state.ts";
import type { Member, MemberStatus, NodeId } from "../types/ids.ts";
import type { InitialClusterConfig } from "../types/initial_config.ts";
import type {
  MemberEntry,
  MembershipDocument,
  MembershipState,
  TokenEntry,
} from "./membership_state.ts";

const MEMBER_STATUSES: readonly MemberStatus[] = ["member", "leaving", "left", "removed"];

/** The result of membership changes; null until there is one. */
interface Changed {
  readonly entries: Map<NodeId, MemberEntry>;
  /** By position; only tokens that differ from the initial ring. */
  readonly tokens: Map<Position, TokenEntry>;
  readonly ownership: Ownership;
}

export class Membership {
  /** Who owns which range now. The object is replaced, never changed. */
  ring: Ring;
  /**
   * A digest of the whole view: equal on two nodes exactly when they know the same. Empty until
   * something has changed.
   */
  version = "";
  /** A digest of the members and their planned tokens, without how far the moves have come. */
  planVersion = "";
  /** Whether no two concurrent changes have left tokens to be reassigned: see `amendment`. */
  isSound = true;
  /** The other active members, the initial ones first. */
  peers: readonly NodeId[];
  private changed: Changed | null = null;

  constructor(
    private readonly initialConfig: InitialClusterConfig,
    private readonly self: NodeId,
    remembered?: MembershipDocument,
  ) {
    this.ring = Ring.over(initialConfig.ring, initialConfig.config.n);
    this.peers = initialConfig.members.map((member) => member.id).filter((id) => id !== self);
    if (remembered === undefined) return;
    this.merge(remembered.state);
    for (const mark of remembered.marks) this.mark(mark);
  }

  // Members ---------------------------------------------------------------------------------------

  entry(id: NodeId): MemberEntry | undefined {
    const told = this.told(id);
    if (told?.asInitial !== true) return told;
    const initial = this.initialMember(id);
    const { dataId } = told.member;
    if (initial === undefined || dataId === undefined) return told;
    return { ...told, member: { ...initial, dataId } };
  }

  /**
   * The entry as nodes exchange it. Its address may differ from the one in this start's
   * configuration.
   */
  private told(id: NodeId): MemberEntry | undefined {
    const changed = this.changed?.entries.get(id);
    if (changed !== undefined) return changed;
    const member = this.initialMember(id);
    return member === undefined ? undefined : { member, memberStatus: "member", version: 1 };
  }

  private initialMember(id: NodeId): Member | undefined {
    return this.initialConfig.members.find((member) => member.id === id);
  }

  /** Whether nothing but the member's data directory differs from the initial configuration. */
  isAsInitial(id: NodeId): boolean {
    const changed = this.changed?.entries.get(id);
    return changed === undefined
      ? this.initialMember(id) !== undefined
      : changed.asInitial === true;
  }

  entries(): MemberEntry[] {
    const joined = [...this.changed?.entries.keys() ?? []]
      .filter((id) => !this.initialConfig.members.some((member) => member.id === id)).toSorted();
    return [...this.initialConfig.members.map((member) => member.id), ...joined]
      .map((id) => this.entry(id) as MemberEntry);
  }

  memberStatus(id: NodeId): MemberStatus | null {
    return this.told(id)?.memberStatus ?? null;
  }

  /** Whether the node is a member or still leaving: it may hold data that counts. */
  isActive(id: NodeId): boolean {
    const memberStatus = this.memberStatus(id);
    return memberStatus === "member" || memberStatus === "leaving";
  }

  /** Whether the node was removed: it is dead, and its data is lost. */
  isGone(id: NodeId): boolean {
    return this.changed?.entries.get(id)?.memberStatus === "removed";
  }

  /** Whether this node itself was removed: then it serves no requests. */
  get isRemoved(): boolean {
    return this.isGone(this.self);
  }

  // State -----------------------------------------------------------------------------------------

  state(): MembershipState {
    const { changed } = this;
    if (changed === null) return { members: [], tokens: [], registers: [] };
    return {
      members: [...changed.entries.values()].toSorted((a, b) => a.member.id < b.member.id ? -1 : 1),
      tokens: [...changed.tokens.values()].toSorted((a, b) => a.position < b.position ? -1 : 1),
      registers: changed.ownership.registers(),
    };
  }

  document(): MembershipDocument {
    return { state: this.state(), marks: this.changed?.ownership.marks() ?? [] };
  }

  /** The tokens with their planned owners, sorted by position. */
  plannedTokens(): Token[] {
    const changed = this.changed?.tokens;
    const unchanged: TokenEntry[] = this.initialConfig.ring.tokens
      .filter(({ position }) => changed?.has(position) !== true);
    const all = [...unchanged, ...changed?.values() ?? []]
      .toSorted((a, b) => a.position < b.position ? -1 : 1);
    // All members left at the same time, each assuming that the others stay: one of them has to.
    const last = all.every(({ owner }) => owner === null) ? this.lastOne() : null;
    return all.flatMap(({ position, owner, epoch }) => {
      const holder = owner ?? last;
      return holder === null ? [] : [{ position, owner: holder, epoch }];
    });
  }

  private lastOne(): NodeId {
    const ids = this.entries().map((entry) => entry.member.id).toSorted();
    return ids.find((id) => this.isActive(id)) ?? ids[0] as NodeId;
  }

  /** Tokens that two concurrent changes have left with nodes that should hold none. */
  orphans(): Token[] {
    return this.plannedTokens().filter(({ owner }) => this.memberStatus(owner) !== "member");
  }

  /** Whether exactly the staying members hold tokens, as far as that is possible. */
  private judge(): boolean {
    const staying = this.staying();
    const holders = new Set(this.plannedTokens().map(({ owner }) => owner));
    if (staying.length === 0) return true;
    const hasStray = [...holders].some((owner) => !staying.includes(owner));
    const { partitioning, partitions } = this.initialConfig.ring;
    const isFull = partitioning === "equal-partitions" && partitions < staying.length;
    return !hasStray && (isFull || staying.every((id) => holders.has(id)));
  }

  /** Members that are not leaving, sorted by id. */
  staying(): NodeId[] {
    return this.entries().filter(({ memberStatus }) => memberStatus === "member")
      .map(({ member }) => member.id).toSorted();
  }

  tokenEpoch(position: Position): number {
    const changed = this.changed?.tokens.get(position);
    if (changed !== undefined) return changed.epoch;
    return this.initialConfig.ring.tokens.find((token) => token.position === position)?.epoch ?? 0;
  }

  /** Whether this node has promised to serve the range no more under its present epoch. */
  isFenced(range: number): boolean {
    return this.changed?.ownership.list[range]?.fenced === true;
  }

  get hasFences(): boolean {
    return this.changed?.ownership.list.some((segment) => segment.fenced === true) ?? false;
  }

  isFilled(range: number): boolean {
    return this.changed?.ownership.list[range]?.filled === true;
  }

  /** Merges what a peer or the disk knows; true when any of it was new. */
  merge({ members, tokens, registers }: MembershipState): boolean {
    if (members.length + tokens.length + registers.length === 0) return false;
    const changed = this.changed ??= this.begin();
    let news = false;
    for (const entry of members) {
      const known = this.told(entry.member.id);
      if (known !== undefined && !isNewer(entry, known)) continue;
      changed.entries.set(entry.member.id, entry);
      news = true;
    }
    for (const token of tokens) {
      const epoch = this.tokenEpoch(token.position);
      const owner = changed.tokens.get(token.position)?.owner ?? "";
      const isBetter = token.epoch > epoch ||
        (token.epoch === epoch && token.epoch > 1 && (token.owner ?? "") < owner);
      if (!isBetter) continue;
      changed.tokens.set(token.position, token);
      news = true;
    }
    const { ownership } = changed;
    const before = [...ownership.list];
    if (this.initialConfig.ring.partitioning === "random-tokens") {
      for (const { position } of tokens) ownership.split(position);
    }
    for (const register of registers) {
      if (ownership.merge(register)) news = true;
    }
    requireSuccession(before, ownership.list);
    if (news || ownership.list.length !== before.length) this.refresh(changed);
    return news;
  }

  /**
   * Sets a mark on one of this node's ranges, where the range still has the mark's epoch. It must
   * be durable before any node relies on it.
   */
  mark(mark: LocalMark): void {
    const changed = this.changed ??= this.begin();
    const { ownership } = changed;
    const before = [...ownership.list];
    ownership.mark(mark);
    requireSuccession(before, ownership.list);
    if (ownership.list.length !== before.length) this.refresh(changed);
  }

  /** Registers for the ranges of the initial ring, all at epoch 1. */
  private begin(): Changed {
    const { ring } = this;
    const segments = Array.from({ length: ring.rangeCount }, (_, range) => ({
      start: ring.range(range).start,
      owners: ring.primaries(range),
      epoch: 1,
    }));
    return { entries: new Map(), tokens: new Map(), ownership: new Ownership(segments, this.self) };
  }

  private refresh({ ownership }: Changed): void {
    const state = this.state();
    this.version = md5(JSON.stringify(state)).slice(0, 16);
    this.planVersion = md5(JSON.stringify([state.members, state.tokens])).slice(0, 16);
    const placed = this.entries().filter(({ memberStatus }) => memberStatus === "member");
    const ring: RingState = {
      partitioning: this.initialConfig.ring.partitioning,
      partitions: this.initialConfig.ring.partitions,
      tokens: this.plannedTokens(),
      members: placed.map(({ member: { id, weight, zone } }) =>
        zone === undefined ? { id, weight } : { id, weight, zone }
      ).toSorted((a, b) => a.id < b.id ? -1 : 1),
      segments: ownership.list.map(({ start, owners, epoch, slots }) =>
        withSlots({ start, owners, epoch }, slots)
      ),
    };
    this.ring = new Ring(ring, this.initialConfig.config.n);
    this.isSound = this.judge();
    this.peers = this.entries().map(({ member }) => member.id)
      .filter((id) => id !== this.self && this.isActive(id));
  }
}

function isNewer(entry: MemberEntry, known: MemberEntry): boolean {
  if (entry.version !== known.version) return entry.version > known.version;
  const order = MEMBER_STATUSES.indexOf(entry.memberStatus) -
    MEMBER_STATUSES.indexOf(known.memberStatus);
  return order > 0 || (order === 0 && JSON.stringify(entry) < JSON.stringify(known));
}
