/**
 * Lives: how one start of a node is told from another, and a disk from an older copy of it.
 *
 * A disk that was restored from a backup looks complete to the node that starts on it. Only its
 * peers can tell: they remember the last life that they heard of, and a disk that is older lacks
 * what it took since. The incarnation alone is not enough. After a backup that is one start old the
 * node uses the same number again, so each boot also draws a random number; and a backup of the
 * last life is recognised by the number of changes that the disk has taken.
 */
import type { Boot } from "../types/boot.ts";
import type { NodeId } from "../types/ids.ts";
import type { Life, LifeStatus, PeerLife } from "../types/life.ts";

/** What a peer's memory of a life says about a disk. */
type Verdict =
  /** The disk is older than what is remembered. */
  | "older"
  /** Nothing later than the disk knows of is remembered. */
  | "same"
  /** The memory is of this very boot, and says nothing about earlier ones. */
  | "current"
  /** The memory is of an earlier directory, and says nothing about this one. */
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
 * Far above any real number of starts, and low enough to be raised many times and to be packed with
 * a boot's number into a safe integer.
 */
export const INCARNATION_MAX = 2 ** 25;

/** The last lives of peers that this node has heard of. A small part of its durable state. */
export class PeerLives {
  private readonly lives = new Map<NodeId, Life>();
  /** Something must be made durable at once: a new start, not only more changes. */
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
   * Notes a life as its node tells it. An unconfirmed life is not remembered yet: its disk may be
   * an older copy, which only the memory of the earlier life can show, or may have been refused
   * since.
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

  /** The lives of these nodes, for a save that begins now. */
  listToSave(nodes: readonly NodeId[]): PeerLife[] {
    this.isChanged = this.isBehind = false;
    return nodes.flatMap((id) => {
      const life = this.lives.get(id);
      return life === undefined ? [] : [{ id, ...life }];
    });
  }
}
