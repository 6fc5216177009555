/**
 * Which share of the requests that reached for a node that was up was served by it. A node that was
 * killed, paused or restarted while it had the request is not counted for that request; one that is
 * cut off from others is up, and counts.
 */
import type { NodeProcess, RunningCluster } from "../../nodes/launcher.ts";

export interface Share {
  requests: number;
  served: number;
}

export interface Availability {
  readonly gets: Share;
  readonly puts: Share;
}

export class AvailabilityMeter {
  /** While all nodes could reach each other, and while they were cut in two. */
  readonly whole: Availability = newAvailability();
  readonly cut: Availability = newAvailability();
  isCut = false;
  private readonly disturbedAt = new Map<string, number>();
  private readonly states = new Map<string, NodeProcess["state"]>();
  private readonly unsubscribe: () => void;

  constructor(cluster: RunningCluster) {
    for (const { url, state } of cluster.nodes) this.states.set(url, state);
    this.unsubscribe = cluster.onChange(({ node }) => {
      this.states.set(node.url, node.state);
      this.disturbedAt.set(node.url, performance.now());
    });
  }

  close(): void {
    this.unsubscribe();
  }

  /** Like `fetch`, and counts. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const node = new URL(url).origin;
    const startedMs = performance.now();
    const wasUp = this.states.get(node) === "running";
    const wasCut = this.isCut;
    let served = false;
    try {
      const response = await fetch(url, init);
      served = response.status < 500;
      return response;
    } finally {
      const wasDisturbed = (this.disturbedAt.get(node) ?? -Infinity) >= startedMs;
      if (wasUp && !wasDisturbed) {
        const { gets, puts } = wasCut || this.isCut ? this.cut : this.whole;
        const share = init.method === "GET" ? gets : puts;
        share.requests++;
        if (served) share.served++;
      }
    }
  };
}

function newAvailability(): Availability {
  return { gets: { requests: 0, served: 0 }, puts: { requests: 0, served: 0 } };
}
