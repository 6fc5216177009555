/**
 * `GET /events`: the protocol's observations as server-sent events.
 *
 * A subscriber that reads too slowly loses events and is told how many. So a slow subscriber cannot
 * fill the node's memory.
 */
import type { NodeId } from "../../lib/dynamo/types/ids.ts";
import type { Observation } from "../../lib/dynamo/types/observations.ts";

const SUBSCRIBERS_MAX = 64;
/** The maximum number of events that wait for one subscriber. */
const QUEUE_EVENTS_MAX = 1_024;
/** Shows proxies and clients with a timeout that the connection is alive. */
const HEARTBEAT_MS = 15_000;
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

interface Subscriber {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  dropped: number;
}

export class EventStream {
  private readonly subscribers = new Set<Subscriber>();
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private unsubscribe: (() => void) | null = null;

  constructor(
    private readonly node: NodeId,
    private readonly observe: (listener: (observation: Observation) => void) => () => void,
  ) {}

  get size(): number {
    return this.subscribers.size;
  }

  /** A stream for a new subscriber; null if there are too many. */
  open(): Response | null {
    if (this.subscribers.size >= SUBSCRIBERS_MAX) return null;
    let subscriber: Subscriber;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        subscriber = { controller, dropped: 0 };
        this.add(subscriber);
        controller.enqueue(ENCODER.encode(": events of this node\n\n"));
      },
      cancel: () => this.remove(subscriber),
    }, { highWaterMark: QUEUE_EVENTS_MAX });
    return new Response(body, { headers: HEADERS });
  }

  /** Ends every stream. */
  close(): void {
    for (const subscriber of [...this.subscribers]) {
      this.remove(subscriber);
      subscriber.controller.close();
    }
  }

  private add(subscriber: Subscriber): void {
    this.subscribers.add(subscriber);
    this.unsubscribe ??= this.observe((observation) => this.publish(observation));
    this.heartbeat ??= setInterval(() => this.send(": alive\n\n"), HEARTBEAT_MS);
  }

  private remove(subscriber: Subscriber): void {
    this.subscribers.delete(subscriber);
    if (this.subscribers.size > 0) return;
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
    for (const subscriber of this.subscribers) {
      const room = subscriber.controller.desiredSize ?? 0;
      // One place stays free for the message that events were lost.
      if (room <= 1) {
        subscriber.dropped++;
        continue;
      }
      if (subscriber.dropped > 0) {
        const lost = JSON.stringify({ node: this.node, at: Date.now(), count: subscriber.dropped });
        subscriber.controller.enqueue(ENCODER.encode(`event: dropped\ndata: ${lost}\n\n`));
        subscriber.dropped = 0;
      }
      subscriber.controller.enqueue(bytes);
    }
  }
}

const ENCODER = new TextEncoder();
