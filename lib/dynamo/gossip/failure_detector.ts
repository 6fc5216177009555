/**
 * Is that node up? A local opinion, never an agreed fact: a node that is believed down is passed over
 * for requests and still a member (SOSP 2007, section 4.8.3).
 *
 * Two kinds of evidence. *Heartbeats* spread by gossip: phi, the suspicion, is how unlikely so long a
 * silence would be if the node were alive, phi = -log10(1 - F(elapsed)) (Hayashibara et al., 2004).
 * Time is counted in the sender's own gossip intervals, so a sender that beats more slowly on purpose
 * is not suspected for it. *Calls* that fail speak sooner, and only about the path from here: enough
 * failures in a row suspect the node until it is heard from directly, whatever others say of it.
 */
import type { Micros, NodeId } from "../types/ids.ts";

interface DetectorConfig {
  /** Phi above which a node is believed down; 8 is one mistake in 10^8 looks. */
  readonly phiThreshold: number;
  /** Heartbeat gaps remembered for each node. */
  readonly phiWindow: number;
}

/** Weight of a call that certainly did not arrive, for example because the port is closed. */
const REFUSED_WEIGHT = 3;
/** Weight of one that was cut off, or is still silent after the patience. */
const UNANSWERED_WEIGHT = 1;
/** A node is suspected at this weight of failures without a contact in between. */
const SUSPECT_WEIGHT = 3;
/** Least deviation of a gap, in intervals: gossip takes a random path, so gaps are never regular. */
const DEVIATION_MIN = 0.5;

interface Peer {
  heardAt: Micros;
  /** The sender's gossip interval. */
  intervalUs: Micros;
  /** The latest gaps, in intervals; `next` is where the next one goes once the window is full. */
  readonly gaps: number[];
  next: number;
  mean: number;
  deviation: number;
  /** Weight of the failures since the last contact. */
  failures: number;
  up: boolean;
}

export class FailureDetector {
  private readonly peers = new Map<NodeId, Peer>();
  /** Deviations above the mean at which phi reaches the threshold: looks are too many to compute phi each time. */
  private readonly limit: number;

  constructor(private readonly config: DetectorConfig) {
    this.limit = deviationsAt(config.phiThreshold);
  }

  /** Begins to watch a node, believed up until there is evidence. */
  watch(node: NodeId, intervalUs: Micros, now: Micros): void {
    if (this.peers.has(node)) return;
    this.peers.set(node, {
      heardAt: now,
      intervalUs,
      gaps: [],
      next: 0,
      // Until there are gaps to go by: one an interval, give or take.
      mean: 1,
      deviation: DEVIATION_MIN,
      failures: 0,
      up: true,
    });
  }

  /** Stops watching all other nodes. */
  forgetOthers(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.peers.keys()) {
      if (!nodes.has(node)) this.peers.delete(node);
    }
  }

  /** A newer heartbeat of the node has come, directly or through others. */
  onHeartbeat(node: NodeId, intervalUs: Micros, now: Micros): void {
    const peer = this.peers.get(node);
    if (peer === undefined) return;
    const gap = (now - peer.heardAt) / peer.intervalUs;
    if (peer.gaps.length < this.config.phiWindow) peer.gaps.push(gap);
    else peer.gaps[peer.next] = gap;
    peer.next = (peer.next + 1) % this.config.phiWindow;
    peer.heardAt = now;
    peer.intervalUs = intervalUs;
    measure(peer);
  }

  /**
   * A message of the node itself has come: earlier failures are cleared. True when the node was
   * believed down.
   */
  onContact(node: NodeId, now: Micros): boolean {
    const peer = this.peers.get(node);
    if (peer === undefined) return false;
    peer.failures = 0;
    if (peer.up) return false;
    // The gap of its absence must not count as a heartbeat gap.
    peer.heardAt = now;
    peer.up = true;
    return true;
  }

  /** A call to the node was refused, cut off, or is still unanswered; true when that makes it a suspect. */
  onFailure(node: NodeId, refused: boolean): boolean {
    const peer = this.peers.get(node);
    if (peer === undefined) return false;
    peer.failures += refused ? REFUSED_WEIGHT : UNANSWERED_WEIGHT;
    if (!peer.up || peer.failures < SUSPECT_WEIGHT) return false;
    peer.up = false;
    return true;
  }

  /** The suspicion level: 0 and up; Infinity for a node that is not watched. */
  phi(node: NodeId, now: Micros): number {
    const peer = this.peers.get(node);
    if (peer === undefined) return Infinity;
    return phiOf((now - peer.heardAt) / peer.intervalUs, peer.mean, peer.deviation);
  }

  isUp(node: NodeId, now: Micros): boolean {
    const peer = this.peers.get(node);
    if (peer === undefined) return false;
    const silenceMax = peer.intervalUs * (peer.mean + this.limit * peer.deviation);
    return peer.failures < SUSPECT_WEIGHT && now - peer.heardAt < silenceMax;
  }

  /** The nodes whose state has changed since the last call. */
  changes(now: Micros): { readonly node: NodeId; readonly up: boolean }[] {
    const changed: { node: NodeId; up: boolean }[] = [];
    for (const [node, peer] of this.peers) {
      const up = this.isUp(node, now);
      if (up === peer.up) continue;
      peer.up = up;
      changed.push({ node, up });
    }
    return changed;
  }
}

function measure(peer: Peer): void {
  const { gaps } = peer;
  peer.mean = Math.max(1, gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length);
  const variance = gaps.reduce((sum, gap) => sum + (gap - peer.mean) ** 2, 0) / gaps.length;
  peer.deviation = Math.max(DEVIATION_MIN, Math.sqrt(variance));
}

/** How many deviations above the mean a gap must be for phi to reach the threshold. */
function deviationsAt(phi: number): number {
  let low = 0;
  let high = 100;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (phiOf(middle, 0, 1) < phi) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * -log10 of the chance that a gap lasts longer than `elapsed`, gaps being normal. The tail is a
 * logistic approximation (error below 1.5e-4), which unlike 1 - F keeps its digits far out.
 */
export function phiOf(elapsed: number, mean: number, deviation: number): number {
  const y = (elapsed - mean) / deviation;
  const exponent = -y * (1.5976 + 0.070566 * y * y);
  // log10(e / (1 + e)) with e = exp(exponent), safe from underflow.
  if (exponent > 0) return Math.log1p(Math.exp(-exponent)) / Math.LN10;
  return (Math.log1p(Math.exp(exponent)) - exponent) / Math.LN10;
}
