/**
 * Descriptions of events, effects and messages, one line each, for transcripts, traces and diagrams.
 */
import type { AdminRequest } from "../../dynamo/types/admin.ts";
import type { NodeState } from "../../dynamo/gossip/gossip.ts";
import type { MembershipState } from "../../dynamo/membership/membership_state.ts";
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
      return `replica.get ${request.key}${request.standIn === true ? ", as a stand-in" : ""}` +
        (request.purpose === undefined ? "" : ` (${request.purpose})`);
    case "replica.put": {
      const hint = request.hintFor === undefined ? "" : ` with a hint for ${request.hintFor}`;
      return `replica.put (${request.purpose}) ${request.key}: ` +
        `${describeSiblings(request.siblings)}${hint}`;
    }
    case "forward":
      return `forward ${describeRequestId(request.requestId)}, ${
        describeRing(request.ringVersion)
      }: ${describeRequest(request.request)}`;
    case "boot.check":
      return `boot.check of start ${request.life.incarnation}, ${request.status}`;
    case "gossip":
      return `gossip digest: ${
        request.digest.map(([id, incarnation, beat]) => describeBeat(id, incarnation, beat)).join(
          ", ",
        )
      }`;
    case "gossip.states":
      return `gossip states: ${describeStates(request.states)}`;
    case "membership":
      return `membership: ${describeMembership(request.state)}`;
    case "range.keys":
      return `list the keys of a range, epoch ${request.epoch}`;
    case "range.fence":
      return `fence the range, epoch ${request.epoch}`;
    case "range.advance":
      return `advance the register of the range, epoch ${request.epoch}: from ${
        request.sender ?? "nobody"
      } to ${request.receiver ?? "nobody"}`;
    case "orphan.check":
      return `orphaned replicas: ${request.keys.map(([key]) => key).join(", ")}; what do you lack?`;
    case "reap.ask":
      return `may the tombstone of ${request.key} go?`;
    case "reap.drop":
      return `drop the tombstone of ${request.key}`;
    case "tree.roots":
      return `tree roots: ${
        request.roots.map(([range, hash]) => `range ${range} ${describeHash(hash)}`).join(", ")
      }`;
    case "tree.children":
      return `tree children of range ${request.range}, level ${request.level}, ` +
        `${plural("node", request.nodes)} ${request.nodes.join(" ")}`;
    case "tree.keys":
      return `tree keys of range ${request.range}, ` +
        `${request.leaves.length === 1 ? "leaf" : "leaves"} ${request.leaves.join(" ")}`;
  }
}

/** `n1 1/7`: the seventh heartbeat of the node's first start. */
function describeBeat(id: string, incarnation: number, heartbeat: number): string {
  return `${id} ${incarnation}/${heartbeat}`;
}

function describeStates(states: readonly NodeState[]): string {
  if (states.length === 0) return "none";
  return states.map((state) => describeBeat(state.id, state.incarnation, state.heartbeat)).join(
    ", ",
  );
}

/** The first digits of a hash are enough to see whether two are equal. */
function describeHash(hash: string): string {
  return /^0*$/.test(hash) ? "empty" : `${hash.slice(0, 6)}…`;
}

function describeRing(version: string): string {
  return `ring ${version.slice(0, 6)}…`;
}

function describeMembership({ members, tokens, registers }: MembershipState): string {
  const parts = members.map(({ member, memberStatus }) => `${member.id} is ${memberStatus}`);
  if (tokens.length > 0) parts.push(`${counted(tokens.length, "token")} to other nodes`);
  if (registers.length > 0) parts.push(`${counted(registers.length, "range")} with other owners`);
  return parts.length === 0 ? "nothing new" : parts.join(", ");
}

function plural(noun: string, items: readonly unknown[]): string {
  return items.length === 1 ? noun : `${noun}s`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
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
    case "gossip": {
      const wanted = reply.wanted.length === 0 ? "" : `; wanted: ${reply.wanted.join(", ")}`;
      const view = reply.membership === undefined
        ? ""
        : `; membership: ${describeMembership(reply.membership)}`;
      return `gossip newer: ${describeStates(reply.newer)}${wanted}${view}`;
    }
    case "membership":
      return `membership: ${describeMembership(reply.state)}`;
    case "missing":
      return `missing: ${reply.keys.join(", ") || "none"}`;
    case "reap":
      return reply.agrees ? "yes" : "no";
    case "roots":
      return reply.differing.length === 0
        ? "all roots are equal"
        : `roots differ: ${plural("range", reply.differing)} ${reply.differing.join(", ")}`;
    case "tree":
      return `children: ${reply.children.map(describeChildren).join(" | ")}`;
    case "keys":
      return `keys: ${
        reply.keys.map(([key, hash]) => `${key} ${describeHash(hash)}`).join(", ") || "none"
      }`;
    case "error": {
      const { code, definite, ringVersion, registers = [] } = reply.error;
      const ring = ringVersion === undefined ? "" : `, ${describeRing(ringVersion)}`;
      const owners = registers.map(({ owners, epoch }) =>
        `, the owners are ${owners.join(", ")} at epoch ${epoch}`
      );
      return `error ${code}${definite ? "" : ", outcome unknown"}${ring}${owners.join("")}`;
    }
    default:
      return reply.status;
  }
}

/** Which children of a tree's node are not empty, and their hashes. */
function describeChildren(hashes: readonly string[]): string {
  const full = hashes.flatMap((hash, i) => hash === "" ? [] : [`${i} ${describeHash(hash)}`]);
  return full.length === 0 ? "all empty" : full.join(", ");
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
      return `scanned ${counted(event.records.length, "record")}`;
    case "hints-scanned":
      return `found ${counted(event.places.length, "hint")}`;
    case "admin":
      return `administrator asks: ${describeAdminRequest(event.request)}`;
    default:
      return event.kind;
  }
}

function describeAdminRequest(request: AdminRequest): string {
  switch (request.method) {
    case "membership.plan": {
      const { act } = request;
      return `plan to ${act.kind} ${act.kind === "join" ? act.member.id : act.node}`;
    }
    case "membership.commit":
      return "commit that plan";
    case "membership.transfers":
      return "how far have the transfers come?";
    case "anti-entropy":
      return "compare trees now";
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
    case "scan-hints":
      return `scan hints for ${effect.target}`;
    case "save":
      return "save membership";
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
    case "call-failed":
      return `call to ${observation.to} failed (${observation.method}): ${observation.reason}`;
    case "node-down":
      return `${observation.peer} is believed down, phi ${observation.phi}`;
    case "node-up":
      return `${observation.peer} is up again`;
    case "hint-stored":
      return `hint kept for ${observation.for}: ${observation.key}`;
    case "hint-delivered":
      return `hint for ${observation.for} delivered to ${observation.to}: ${observation.key}`;
    case "member":
      return `status of ${observation.member}: ${observation.memberStatus}`;
    case "range-taken":
      return `range taken over from ${observation.from ?? "nobody"}, ${
        counted(observation.keys, "key")
      } copied`;
    case "range-moved":
      return `range register advanced: from ${observation.from ?? "nobody"} to ${
        observation.to ?? "nobody"
      }`;
    case "reaped":
      return `tombstone reaped: ${observation.key}`;
    case "recovering":
      return `its disk was ${observation.cause}: it recovers`;
    case "caught-up":
      return "its disk is complete again";
    case "anti-entropy":
      return `trees compared with ${observation.peer}: ${observation.rangesDiffering} of ` +
        `${counted(observation.ranges, "range")} differed, ` +
        `${counted(observation.keysRepaired, "key")} repaired`;
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
