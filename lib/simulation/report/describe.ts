/**
 * Descriptions of events, effects and messages, one line each, for transcripts, traces and diagrams.
 */
import { BOOT_NUMBERS } from "../../dynamo/types/boot.ts";
import type { ClientReply, ClientRequest } from "../../dynamo/types/client_messages.ts";
import type { Effect, Event } from "../../dynamo/types/events.ts";
import type { Observation } from "../../dynamo/types/observations.ts";
import type { PeerReply, PeerRequest } from "../../dynamo/types/peer_messages.ts";
import type { StoredRecord } from "../../dynamo/types/records.ts";
import type { Clock, Dot } from "../../dynamo/versions/clock.ts";
import type { CausalContext, Siblings, Version } from "../../dynamo/versions/versions.ts";

const TEXT_SHOWN_MAX = 24;

/** A value in readable form: its text if it is printable, otherwise its length. */
export function describeValue(base64: string | null): string {
  if (base64 === null) return "†";
  const text = atob(base64).replace(/\.+$/, "");
  if (!/^[\x20-\x7e]*$/.test(text)) return `${text.length} bytes`;
  return text.length <= TEXT_SHOWN_MAX ? text : `${text.slice(0, TEXT_SHOWN_MAX)}…`;
}

/** `n1:3`. The other parts of an actor are shown only if the node has restarted. */
function describeDot([actor, counter]: Dot): string {
  return `${describeActor(actor)}:${counter}`;
}

function describeActor(actor: string): string {
  const [node, data, boot = ""] = actor.split("/");
  // Without the random number of the boot: within a run the incarnation identifies it.
  const [incarnation, count] = boot.replace(/-[^.]*/, "").split(".");
  const isFirst = data === "d1" && incarnation === "1" && count === "1";
  return isFirst ? node as string : `${node}/${data}/${incarnation}.${count}`;
}

/** `n1.d1/2/7`: the seventh request of the node's second start. */
function describeRequestId(requestId: string): string {
  const [sender, start, sequence] = requestId.split("/");
  return `${sender}/${Math.floor(Number(start) / BOOT_NUMBERS)}/${sequence}`;
}

function describeClock(clock: Clock): string {
  return `{${clock.map(([actor, counter]) => describeDot([actor, counter])).join(" ")}}`;
}

function describeVersion(version: Version): string {
  const over = version.clock.length === 0 && version.dots === undefined
    ? ""
    : ` over ${describeContext({ ...version })}`;
  return `${describeValue(version.value)} (${describeDot(version.dot)}${over})`;
}

function describeSiblings(siblings: Siblings): string {
  return siblings.length === 0 ? "nothing" : siblings.map(describeVersion).join(" | ");
}

function describeContext(context: Pick<CausalContext, "clock" | "dots"> | null): string {
  if (context === null) return "no context";
  const detached = (context.dots ?? []).map((dot) => describeDot(dot));
  return [describeClock(context.clock), ...detached].join(" + ");
}

function describeRequest(request: ClientRequest | PeerRequest): string {
  switch (request.method) {
    case "get":
      return `get ${request.key}${describeOptions(request)}`;
    case "put":
      return `put ${request.key} = ${describeValue(request.value)}, ` +
        `${describeContext(request.context)}${describeOptions(request)}`;
    case "delete":
      return `delete ${request.key}, ${describeContext(request.context)}${
        describeOptions(request)
      }`;
    case "replica.get":
      return `replica.get ${request.key}`;
    case "replica.put": {
      const hint = request.hintFor === undefined ? "" : ` with a hint for ${request.hintFor}`;
      return `replica.put (${request.purpose}) ${request.key}: ` +
        `${describeSiblings(request.siblings)}${hint}`;
    }
    case "forward":
      return `forward ${describeRequestId(request.requestId)}: ${describeRequest(request.request)}`;
    case "boot.check":
      return `boot.check of start ${request.life.incarnation}, ${request.status}`;
    default:
      return request.method;
  }
}

function describeOptions({ r, w }: ClientRequest): string {
  return `${r === undefined ? "" : `, R=${r}`}${w === undefined ? "" : `, W=${w}`}`;
}

export function describeReply(
  reply: ClientReply | PeerReply | { readonly status: string },
): string {
  return describeKnownReply(reply as ClientReply | PeerReply);
}

function describeKnownReply(reply: ClientReply | PeerReply): string {
  switch (reply.status) {
    case "read":
      return `read: ${describeSiblings(reply.siblings)}`;
    case "written": {
      const hints = reply.hints.map(({ holder, for: target }) => `${holder} for ${target}`);
      return `written on ${reply.acks.join(", ")}` +
        (hints.length === 0 ? "" : `, hints: ${hints.join(", ")}`);
    }
    case "record":
      return `record: ${describeSiblings(reply.siblings)}`;
    case "forwarded":
      return `forwarded: ${describeReply(reply.reply)}`;
    case "boot":
      return reply.remembered === null
        ? "boot: nothing remembered"
        : `boot: start ${reply.remembered.incarnation} remembered`;
    case "error":
      return `error ${reply.error.code}${reply.error.definite ? "" : ", outcome unknown"}`;
    default:
      return reply.status;
  }
}

function describeRecord(record: StoredRecord | null): string {
  return record === null ? "no record" : describeSiblings(record.siblings);
}

/** An input of a replica. */
export function describeEvent(event: Event): string {
  switch (event.kind) {
    case "client":
      return `client asks: ${describeRequest(event.request)}`;
    case "peer":
      return `${event.from} asks: ${describeRequest(event.request)}`;
    case "reply":
      return `answer: ${describeReply(event.reply)}`;
    case "call-failed":
      return `call failed: ${event.reason}${event.undelivered ? " (not delivered)" : ""}`;
    case "loaded":
      return `loaded: ${describeRecord(event.record)}`;
    case "storage-failed":
      return `disk failed: ${event.reason}`;
    case "scanned":
      return `scanned ${event.records.length} records`;
    case "hints-scanned":
      return `found ${event.places.length} hints`;
    default:
      return event.kind;
  }
}

/** An output of a replica. */
export function describeEffect(effect: Effect): string {
  switch (effect.kind) {
    case "call":
      return `→ ${effect.to}: ${describeRequest(effect.request)}`;
    case "respond":
      return `answers: ${describeReply(effect.reply)}`;
    case "load":
      return `load ${effect.key}`;
    case "store":
      return `store ${effect.record.key}: ${describeSiblings(effect.record.siblings)}` +
        (effect.record.hintFor ?? []).map((hint) => `, hint for ${hint.node}`).join("");
    case "remove":
      return `remove ${effect.key}`;
    case "save-disk-state":
      return `save disk state: ${effect.state.condition}, start ${effect.state.incarnation}`;
    case "timer":
      return "set timer";
    case "emit":
      return `observes: ${describeObservation(effect.observation)}`;
    default:
      return effect.kind;
  }
}

function describeObservation(observation: Observation): string {
  const { type } = observation;
  switch (observation.type) {
    case "request":
      return `${observation.method} ${observation.key} done, ${observation.outcome}`;
    case "forward":
    case "read-repair":
      return `${type} of ${observation.key} to ${observation.to}`;
    case "siblings":
      return `${observation.count} siblings of ${observation.key}`;
    case "silent":
      return `${observation.peer} does not answer for ${observation.key}`;
    default: {
      const { type: _type, ...rest } = observation;
      return `${type} ${
        Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(", ")
      }`;
    }
  }
}

/** The content of a message. */
export function describeContent(content: unknown): string {
  if (typeof content !== "object" || content === null) return `${content}`;
  if ("method" in content) return describeRequest(content as PeerRequest);
  if ("status" in content) return describeReply(content as PeerReply);
  if ("kind" in content && content.kind === "call-failed") return describeEvent(content as Event);
  return "kind" in content ? `connection ${content.kind}` : JSON.stringify(content);
}
