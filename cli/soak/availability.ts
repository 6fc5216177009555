/**
 * Measures availability: the share of requests that nodes served while they were up. It counts
 *
 * - *requests*, as the paper does (SOSP 2007, section 6: the share of requests that received a successful
 *   response). A request is a get or a put of a client, which may try several nodes;
 * - *attempts*: requests to a single node.
 *
 * An attempt does not count if the node was killed, paused or restarted meanwhile. A failed request
 * does not count if it tried no other node. A node that is cut off from others is up, so it counts.
 */
import type { NodeProcess, RunningCluster } from "../../nodes/cluster/launcher.ts";

export interface Share {
  requests: number;
  served: number;
}

export interface Availability {
  readonly gets: Share;
  readonly puts: Share;
}

/** While all nodes could reach each other, and while there was a partition. */
export interface AvailabilityByPhase {
  readonly whole: Availability;
  readonly cut: Availability;
}

export interface AvailabilityReport {
  readonly requests: AvailabilityByPhase;
  readonly attempts: AvailabilityByPhase;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The progress of one request. */
interface Course {
  reachedUp: boolean;
  wasCut: boolean;
}

export class AvailabilityMeter {
  readonly report: AvailabilityReport = { requests: newPhases(), attempts: newPhases() };
  isCut = false;
  private readonly disturbedAt = new Map<string, number>();
  private readonly states = new Map<string, NodeProcess["state"]>();
  private readonly unsubscribe: () => void;

  constructor(cluster: RunningCluster, private readonly inner: Fetch = fetch) {
    for (const { url, state } of cluster.nodes) this.states.set(url, state);
    this.unsubscribe = cluster.onChange(({ node }) => {
      this.states.set(node.url, node.state);
      this.disturbedAt.set(node.url, performance.now());
    });
  }

  close(): void {
    this.unsubscribe();
  }

  /** A meter for one client, which sends one request at a time. */
  client(): ClientMeter {
    return new ClientMeter(this);
  }

  /** Like `fetch`, but counts the attempt. */
  async attempt(course: Course, url: string, init: RequestInit): Promise<Response> {
    const node = new URL(url).origin;
    const startedMs = performance.now();
    const wasUp = this.states.get(node) === "running";
    const wasCut = this.isCut;
    let served = false;
    try {
      const response = await this.inner(url, init);
      served = response.status < 500;
      return response;
    } finally {
      const wasDisturbed = (this.disturbedAt.get(node) ?? -Infinity) >= startedMs;
      if (wasCut || this.isCut) course.wasCut = true;
      if (wasUp && !wasDisturbed) {
        course.reachedUp = true;
        const cut = wasCut || this.isCut;
        count(this.report.attempts, init.method === "GET" ? "gets" : "puts", cut, served);
      }
    }
  }
}

export class ClientMeter {
  private course: Course = { reachedUp: false, wasCut: false };

  constructor(private readonly meter: AvailabilityMeter) {}

  readonly fetch: Fetch = (url, init) => this.meter.attempt(this.course, url, init);

  /** Counts one request with all its attempts. */
  async request<T extends { readonly outcome: string }>(
    kind: keyof Availability,
    work: () => Promise<T>,
  ): Promise<T> {
    this.course = { reachedUp: false, wasCut: false };
    const result = await work();
    const served = result.outcome === "ok";
    const { reachedUp, wasCut } = this.course;
    if (served || reachedUp) count(this.meter.report.requests, kind, wasCut, served);
    return result;
  }
}

function count(
  phases: AvailabilityByPhase,
  kind: keyof Availability,
  cut: boolean,
  served: boolean,
): void {
  const share = (cut ? phases.cut : phases.whole)[kind];
  share.requests++;
  if (served) share.served++;
}

function newPhases(): AvailabilityByPhase {
  return { whole: newAvailability(), cut: newAvailability() };
}

function newAvailability(): Availability {
  return { gets: { requests: 0, served: 0 }, puts: { requests: 0, served: 0 } };
}
