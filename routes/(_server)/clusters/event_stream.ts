/**
 * Everything that happens in a cluster, as a stream of server-sent events.
 *
 * If the reader is slower than the cluster, protocol events are dropped and counted. States are
 * never dropped: each message has the whole state. The queue has a limit.
 */
import type { LiveMessage } from "../../../islands/models/api.ts";
import type { LiveCluster, RawProtocolEvent } from "./live_cluster.ts";

/** If more bytes than this are queued, protocol events are dropped. */
const QUEUE_BYTES = 262_144;
/** If more bytes than this are queued, the stream is closed. The reader can connect again. */
const QUEUE_BYTES_MAX = 4_194_304;

export function eventStream(live: LiveCluster): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let unsubscribe = () => {};
  let dropped = 0;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (event: string, json: string) =>
        controller.enqueue(encoder.encode(`event: ${event}\ndata: ${json}\n\n`));
      const onMessage = (message: LiveMessage | RawProtocolEvent) => {
        const freeBytes = controller.desiredSize ?? 0;
        if (freeBytes < QUEUE_BYTES - QUEUE_BYTES_MAX) {
          unsubscribe();
          controller.close();
          return;
        }
        if (message.event === "protocol-json") {
          if (freeBytes > 0) send("protocol", message.json);
          else dropped++;
          return;
        }
        send(message.event, JSON.stringify(message.data));
        if (dropped > 0 && freeBytes > 0) {
          send("dropped", JSON.stringify({ count: dropped }));
          dropped = 0;
        }
        if (message.event === "ended") {
          unsubscribe();
          controller.close();
        }
      };
      onMessage({ event: "cluster", data: live.detail() });
      unsubscribe = live.subscribe(onMessage);
    },
    cancel() {
      unsubscribe();
    },
  }, new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES }));
}
