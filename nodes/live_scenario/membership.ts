/**
 * The membership while a scenario changes it, as its clients and its checkers need it: the ring as a
 * member knows it now, and the moment when every act is done and what it moves has moved.
 */
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { ClusterView, MembershipView } from "../cluster/cluster_view.ts";
import { pollDelay } from "../cluster/decommissions.ts";

/** What is asked of the nodes: a `ClusterView`, or a test's. */
type MembershipSource = Pick<ClusterView, "running" | "membership">;

/**
 * The views of those who run and take themselves for members; null when somebody who runs does not
 * answer, and may be one.
 */
export async function memberViews(source: MembershipSource): Promise<MembershipView[] | null> {
  const views = await Promise.allSettled(source.running.map((id) => source.membership(id)));
  const heard = views.flatMap((view) => view.status === "fulfilled" ? [view.value] : []);
  return heard.length < views.length ? null : heard.filter(isActive);
}

function isActive({ node, memberStatuses }: MembershipView): boolean {
  return ["member", "leaving"].includes(memberStatuses.get(node) ?? "");
}

/** Who owns a key, as a running member sees it; as founded, until it is followed. */
export class FollowedRing {
  private readonly ended = new AbortController();

  constructor(public ring: Ring) {}

  /** Looks again and again until {@link end}. */
  follow(source: MembershipSource): void {
    this.loop(source).catch((error) => {
      if (!this.ended.signal.aborted) throw error;
    });
  }

  end(): void {
    this.ended.abort(new Error("The ring is followed no more"));
  }

  private async loop(source: MembershipSource): Promise<void> {
    while (!this.ended.signal.aborted) {
      this.ring = await ringOf(source) ?? this.ring;
      await pollDelay(this.ended.signal);
    }
  }
}

/** As the first member that answers sees it. */
async function ringOf(source: MembershipSource): Promise<Ring | null> {
  for (const id of source.running) {
    // It may have been killed since.
    const view = await source.membership(id).catch(() => null);
    if (view !== null && isActive(view)) return view.ring;
  }
  return null;
}

/** Everybody knows the same, holds what it should, and nobody is still on the way out. */
export function haveSettled(views: readonly MembershipView[] | null): boolean {
  const [first] = views ?? [];
  if (views === null || first === undefined) return false;
  const memberStatuses = textOf(first);
  return views.every((view) =>
    !view.isMoving && !isWaitingToLeave(view) && textOf(view) === memberStatuses &&
    view.ring.version === first.ring.version
  );
}

function textOf({ memberStatuses }: MembershipView): string {
  return JSON.stringify([...memberStatuses].toSorted());
}

/** The last one stays. */
function isWaitingToLeave({ node, memberStatuses }: MembershipView): boolean {
  return memberStatuses.get(node) === "leaving" && [...memberStatuses.values()].includes("member");
}

export interface Settling {
  readonly settled: boolean;
  readonly tookMs: number;
  /** As they were in the end. */
  readonly views: readonly MembershipView[];
}

/** Waits until `isDecided` and all has moved, for `boundMs` at most. */
export async function untilSettled(
  source: MembershipSource,
  isDecided: () => boolean,
  boundMs: number,
  signal: AbortSignal,
): Promise<Settling> {
  const startedMs = performance.now();
  for (;;) {
    const views = await memberViews(source);
    const settled = isDecided() && haveSettled(views);
    const tookMs = Math.round(performance.now() - startedMs);
    if (settled || tookMs > boundMs) return { settled, tookMs, views: views ?? [] };
    await pollDelay(signal);
  }
}

/** Copies of keys that a node does not own, hints left aside. */
export async function copiesLeftBehind(
  view: Pick<ClusterView, "running" | "keys">,
  ring: Ring,
): Promise<{ readonly node: NodeId; readonly key: string }[]> {
  const held = await Promise.all(view.running.map(async (node) => {
    const { keys } = await view.keys(node);
    return keys.filter((key) => !ring.primariesOfKey(key).includes(node))
      .map((key) => ({ node, key }));
  }));
  return held.flat();
}
