/**
 * Lives: what tells one start of a node from another, and a disk from an older copy of itself.
 *
 * A disk that was put back from a backup looks sound to the node that starts on it. Only its peers can
 * know better: they remember the last life that they heard of. A disk that is older than that lacks
 * what it took since, as a replaced one does. The incarnation alone does not tell: a backup that is one
 * start old makes the node use the same number again, so each boot also draws a random number; and a
 * backup of the last life is told by the number of changes that the disk has taken.
 */
import type { Boot } from "../types/boot.ts";
import type { NodeId } from "../types/ids.ts";
import type { Life, LifeStatus, PeerLife } from "../types/life.ts";

/** What a remembered life says of a disk. */
type Verdict =
  /** The disk is older than what is remembered. */
  | "older"
  /** Nothing later than the disk knows of is remembered. */
  | "same"
  /** What is remembered is this very boot, which says nothing of those before. */
  | "current"
  /** Nothing: the memory is of another directory, from before. */
  | "unrelated";

/** What a peer's memory of this node says of the disk that it has started on. */
export function verdictOf(remembered: Life, boot: Boot): Verdict {
  const { dataId, bootNumber = 0, writes = 0, previous } = boot;
  const isSameDirectory = remembered.dataId === dataId;
  if (isSameDirectory && remembered.bootNumber === bootNumber) return "current";
  if (isSameDirectory && remembered.writes > writes) return "older";
  if (previous === undefined) return isSameDirectory ? "older" : "unrelated";
  const isPrevious = isSameDirectory && remembered.bootNumber === previous.bootNumber;
  if (isPrevious) return "same";
  if (remembered.incarnation >= previous.incarnation) return "older";
  return isSameDirectory ? "same" : "unrelated";
}

function isLater(life: Life, known: Life): boolean {
  return life.incarnation > known.incarnation;
}

/**
 * Far above what starts of a node can come to, and low enough to be outbid many times and to be told
 * together with a boot's number.
 */
export const INCARNATION_MAX = 2 ** 25;

/** The last lives of peers that this node has heard of. A small part of its durable state. */
export class PeerLives {
  private readonly lives = new Map<NodeId, Life>();
  /** Something is to be made durable at once: another start, not merely more changes. */
  isChanged = false;
  /** Something is not durable: more changes at least. */
  isBehind = false;

  constructor(remembered: readonly PeerLife[] = []) {
    for (const { id, ...life } of remembered) this.lives.set(id, life);
  }

  of(id: NodeId): Life | null {
    return this.lives.get(id) ?? null;
  }

  /**
   * A life as its node tells it. One that nobody has confirmed is not remembered yet: it may be over an
   * older copy of the disk, which only the memory of an earlier one can show, or over a directory that
   * was refused in the meantime.
   */
  note(id: NodeId, life: Life, status: LifeStatus): void {
    const known = this.lives.get(id);
    if (known?.dataId === life.dataId && known.bootNumber === life.bootNumber) {
      if (life.writes < known.writes && life.incarnation <= known.incarnation) return;
      const incarnation = Math.max(known.incarnation, life.incarnation);
      const writes = Math.max(known.writes, life.writes);
      this.lives.set(id, { ...life, incarnation, writes });
      if (writes > known.writes) this.isBehind = true;
      if (incarnation > known.incarnation) this.isChanged = true;
    } else if (status !== "unconfirmed" && (known === undefined || isLater(life, known))) {
      this.lives.set(id, life);
      this.isChanged = true;
    }
  }

  /** Those of these nodes, which are on their way to the disk now. */
  listToSave(nodes: readonly NodeId[]): PeerLife[] {
    this.isChanged = this.isBehind = false;
    return nodes.flatMap((id) => {
      const life = this.lives.get(id);
      return life === undefined ? [] : [{ id, ...life }];
    });
  }
}
