/**
 * Which share of what the clients asked was served by nodes that were up. It is counted twice:
 *
 * - *requests*, as the paper counts them (SOSP 2007, section 6: the share of requests that received a
 *   successful response): a get or a put of a client, which may try one node after the other;
 * - *attempts*: what a single node made of what it was asked.
 *
 * A node that was killed, paused or restarted while it had an attempt is not counted for it, nor is a
 * request that failed without reaching for any other node. One that is cut off from others is up, and
 * counts.
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

/** While all nodes could reach each other, and while they were cut in two. */
export interface AvailabilityByPhase {
  readonly whole: Availability;
  readonly cut: Availability;
}

export interface AvailabilityReport {
  readonly requests: AvailabilityByPhase;
  readonly attempts: AvailabilityByPhase;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What has happened to one request so far. */
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

  /** For one client, which has one request at a time. */
  client(): ClientMeter {
    return new ClientMeter(this);
  }

  /** Like `fetch`, and counts. */
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

  /** One request, from its first attempt to its end. */
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
