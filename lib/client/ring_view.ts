/**
 * The ring as a client sees it: what `GET /ring` says, indexed by the same `Ring` that the nodes use,
 * so that client and nodes cannot disagree about where a key lives.
 */
import { Ring } from "../dynamo/ring/ring.ts";
import type { RingState } from "../dynamo/ring/ring_state.ts";

export class RingView {
  private constructor(
    /** As the nodes name it: a change means that keys have moved. */
    readonly version: string,
    private readonly ring: Ring,
    private readonly urls: ReadonlyMap<string, string>,
  ) {}

  /** Reads the answer of `GET /ring`. Throws {@link TypeError} when it is not one. */
  static from(body: unknown): RingView {
    const { ringVersion, n, partitioning, partitions, tokens, members, segments } =
      (body ?? {}) as Record<string, unknown>;
    if (!Array.isArray(tokens) || tokens.length === 0 || !Array.isArray(members)) {
      throw new TypeError("the answer of /ring has no tokens and members");
    }
    if (typeof n !== "number" || !Number.isInteger(n) || n < 1) {
      throw new TypeError(`the answer of /ring has no N: it is ${String(n)}`);
    }
    const urls = new Map<string, string>();
    for (const member of members as { id?: unknown; url?: unknown }[]) {
      if (typeof member.id !== "string" || typeof member.url !== "string") {
        throw new TypeError("the answer of /ring has a member without id and url");
      }
      urls.set(member.id, member.url.replace(/\/+$/, ""));
    }
    // Absent as long as everybody holds what the tokens say.
    const held = segments === undefined ? {} : { segments };
    const state = { partitioning, partitions, tokens, members, ...held } as RingState;
    return new RingView(String(ringVersion), new Ring(state, n), urls);
  }

  /** The URLs of all nodes. */
  get nodes(): readonly string[] {
    return [...this.urls.values()];
  }

  /** The URLs of a key's replicas in ring order, then of all other nodes in theirs. */
  preferenceOf(key: string): { primaries: readonly string[]; others: readonly string[] } {
    const range = this.ring.rangeOfKey(key);
    const primaries = this.ring.primaries(range);
    const others = this.ring.preferenceList(range).slice(primaries.length);
    return { primaries: this.urlsOf(primaries), others: this.urlsOf(others) };
  }

  /** An owner that was removed is in the ring until others hold what it held, and cannot be asked. */
  private urlsOf(ids: readonly string[]): string[] {
    return ids.flatMap((id) => this.urls.get(id) ?? []);
  }
}
