/**
 * Observes the membership while a scenario changes it: the current ring for the clients, and for the
 * checkers the moment when all changes and their range transfers are complete.
 */
import { Ring } from "../../lib/dynamo/ring/ring.ts";
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { ClusterView, MembershipView } from "../cluster/cluster_view.ts";
import { pollDelay } from "../cluster/decommissions.ts";

/** How nodes are asked for their views: a `ClusterView`, or a test's. */
type MembershipSource = Pick<ClusterView, "running" | "membership">;

/**
 * The views of running nodes that are members by their own view; null if a running node does not answer,
 * because it may be a member.
 */
export async function memberViews(source: MembershipSource): Promise<MembershipView[] | null> {
  const views = await Promise.allSettled(source.running.map((id) => source.membership(id)));
  const heard = views.flatMap((view) => view.status === "fulfilled" ? [view.value] : []);
  return heard.length < views.length ? null : heard.filter(isActive);
}

function isActive({ node, memberStatuses }: MembershipView): boolean {
  return ["member", "leaving"].includes(memberStatuses.get(node) ?? "");
}

/** The ring as a running member knows it; before {@link follow}, the initial ring. */
export class FollowedRing {
  private readonly ended = new AbortController();

  constructor(public ring: Ring) {}

  /** Polls the members until {@link end}. */
  follow(source: MembershipSource): void {
    this.loop(source).catch((error) => {
      if (!this.ended.signal.aborted) throw error;
    });
  }

  end(): void {
    this.ended.abort(new Error("The ring is no longer followed"));
  }

  private async loop(source: MembershipSource): Promise<void> {
    while (!this.ended.signal.aborted) {
      this.ring = await ringOf(source) ?? this.ring;
      await pollDelay(this.ended.signal);
    }
  }
}

/** The ring as the first member that answers knows it. */
async function ringOf(source: MembershipSource): Promise<Ring | null> {
  for (const id of source.running) {
    // The node may have been killed meanwhile.
    const view = await source.membership(id).catch(() => null);
    if (view !== null && isActive(view)) return view.ring;
  }
  return null;
}

/** Whether all members have the same view, no range transfer is left, and no node is still leaving. */
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

/** The last member cannot leave, so it does not count as leaving. */
function isWaitingToLeave({ node, memberStatuses }: MembershipView): boolean {
  return memberStatuses.get(node) === "leaving" && [...memberStatuses.values()].includes("member");
}

export interface Settling {
  readonly settled: boolean;
  readonly tookMs: number;
  /** The final views. */
  readonly views: readonly MembershipView[];
}

/** Waits, for at most `boundMs`, until `isDecided` and all range transfers are complete. */
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

/** Keys that a node stores but does not own, apart from hints. */
export async function orphanedKeys(
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
