/**
 * The ring as a client sees it: the answer to `GET /ring` in the same `Ring` class that the nodes use, so
 * that client and nodes place keys in the same way.
 */
import { Ring } from "../dynamo/ring/ring.ts";
import type { RingState } from "../dynamo/ring/ring_state.ts";

export class RingView {
  private constructor(
    /** The nodes' `ringVersion`. It changes when the owners of keys change. */
    readonly version: string,
    private readonly ring: Ring,
    private readonly urls: ReadonlyMap<string, string>,
  ) {}

  /** Reads the answer to `GET /ring`. Throws {@link TypeError} if it is malformed. */
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
    // Absent as long as the owners are those that the tokens name.
    const held = segments === undefined ? {} : { segments };
    const state = { partitioning, partitions, tokens, members, ...held } as RingState;
    return new RingView(String(ringVersion), new Ring(state, n), urls);
  }

  /** The URLs of all nodes. */
  get nodes(): readonly string[] {
    return [...this.urls.values()];
  }

  /** The URLs of a key's primaries in ring order, and of all other nodes in ring order. */
  preferenceOf(key: string): { primaries: readonly string[]; others: readonly string[] } {
    const range = this.ring.rangeOfKey(key);
    const primaries = this.ring.primaries(range);
    const others = this.ring.preferenceList(range).slice(primaries.length);
    return { primaries: this.urlsOf(primaries), others: this.urlsOf(others) };
  }

  /** A removed owner stays in the ring until others have its data, but has no URL. */
  private urlsOf(ids: readonly string[]): string[] {
    return ids.flatMap((id) => this.urls.get(id) ?? []);
  }
}
