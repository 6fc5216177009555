/**
 * `GET /events`: the protocol's observations as server-sent events, to whoever wants to watch.
 *
 * A watcher that reads too slowly loses events and is told how many: what happens on a node must never
 * pile up in its memory for the sake of somebody who looks on.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { Observation } from "../../lib/dynamo/types/observations.ts";

const WATCHERS_MAX = 64;
/** Events that wait for one watcher. */
const QUEUE_EVENTS_MAX = 1_024;
/** So that proxies, and a watcher's own timeouts, see that the line is not dead. */
const HEARTBEAT_MS = 15_000;
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  dropped: number;
}

export class EventStream {
  private readonly watchers = new Set<Watcher>();
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private unsubscribe: (() => void) | null = null;

  constructor(
    private readonly node: NodeId,
    private readonly observe: (listener: (observation: Observation) => void) => () => void,
  ) {}

  get size(): number {
    return this.watchers.size;
  }

  /** A stream for one more watcher; null when there are too many. */
  open(): Response | null {
    if (this.watchers.size >= WATCHERS_MAX) return null;
    let watcher: Watcher;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        watcher = { controller, dropped: 0 };
        this.add(watcher);
        controller.enqueue(ENCODER.encode(": events of this node\n\n"));
      },
      cancel: () => this.remove(watcher),
    }, { highWaterMark: QUEUE_EVENTS_MAX });
    return new Response(body, { headers: HEADERS });
  }

  /** Ends every stream. */
  close(): void {
    for (const watcher of [...this.watchers]) {
      this.remove(watcher);
      watcher.controller.close();
    }
  }

  private add(watcher: Watcher): void {
    this.watchers.add(watcher);
    this.unsubscribe ??= this.observe((observation) => this.publish(observation));
    this.heartbeat ??= setInterval(() => this.send(": alive\n\n"), HEARTBEAT_MS);
  }

  private remove(watcher: Watcher): void {
    this.watchers.delete(watcher);
    if (this.watchers.size > 0) return;
    this.unsubscribe?.();
    this.unsubscribe = null;
    clearInterval(this.heartbeat);
    this.heartbeat = undefined;
  }

  private publish(observation: Observation): void {
    const data = JSON.stringify({ ...observation, node: this.node, at: Date.now() });
    this.send(`event: ${observation.type}\ndata: ${data}\n\n`);
  }

  private send(text: string): void {
    const bytes = ENCODER.encode(text);
    for (const watcher of this.watchers) {
      const room = watcher.controller.desiredSize ?? 0;
      // One place is kept for saying that something was lost.
      if (room <= 1) {
        watcher.dropped++;
        continue;
      }
      if (watcher.dropped > 0) {
        const lost = JSON.stringify({ node: this.node, at: Date.now(), count: watcher.dropped });
        watcher.controller.enqueue(ENCODER.encode(`event: dropped\ndata: ${lost}\n\n`));
        watcher.dropped = 0;
      }
      watcher.controller.enqueue(bytes);
    }
  }
}

const ENCODER = new TextEncoder();
