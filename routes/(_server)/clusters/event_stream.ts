/**
 * All that happens to a cluster, as one server-sent event stream.
 *
 * A reader that is slower than the cluster loses protocol events, never states: those are sent whole,
 * so the next one makes up for any that it missed. Nothing queues without a bound.
 */
import type { LiveMessage } from "../../../islands/models/api.ts";
import type { LiveCluster, RawProtocolEvent } from "./live_cluster.ts";

/** Bytes that may wait for a slow reader before protocol events are dropped. */
const QUEUE_BYTES = 262_144;
/** Past this the reader is gone or hopeless: it may connect again. */
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
        const room = controller.desiredSize ?? 0;
        if (room < QUEUE_BYTES - QUEUE_BYTES_MAX) {
          unsubscribe();
          controller.close();
          return;
        }
        if (message.event === "protocol-json") {
          if (room > 0) send("protocol", message.json);
          else dropped++;
          return;
        }
        send(message.event, JSON.stringify(message.data));
        if (dropped > 0 && room > 0) {
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
