/**
 * What a node tells of the membership and of itself, held against its disk. A register, a member or an
 * incarnation that others hear of before it is durable can be taken back by a crash: then two nodes
 * act by different histories.
 */
import type { MembershipState } from "../../dynamo/membership/membership_state.ts";
import { isWithin } from "../../dynamo/ring/ownership.ts";
import type { Effect } from "../../dynamo/types/events.ts";
import type { Life } from "../../dynamo/types/life.ts";
import type { SimulatedDisk } from "./disk.ts";

type Message = Extract<Effect, { kind: "call" | "respond" }>;

/**
 * What of the message the disk does not know yet, in words; null when it knows all of it, undefined when
 * the message tells nothing of the kind.
 */
export function toldTooSoon(
  node: string,
  message: Message,
  disk: SimulatedDisk,
): string | null | undefined {
  const { state, life } = told(node, message);
  if (state === null && life === null) return undefined;
  return (state === null ? null : unknownOf(state, disk)) ??
    (life === null || life.incarnation <= disk.incarnation
      ? null
      : `incarnation ${life.incarnation}`);
}

interface Told {
  readonly state: MembershipState | null;
  /** The sender's own. */
  readonly life: Life | null;
}

const NOTHING: Told = { state: null, life: null };

function told(node: string, message: Message): Told {
  if (message.kind === "call") {
    const { request } = message;
    switch (request.method) {
      case "membership":
        return { ...NOTHING, state: request.state };
      case "boot.check":
        return { ...NOTHING, life: request.life };
      case "gossip.states":
        return { ...NOTHING, life: request.states.find(({ id }) => id === node) ?? null };
      default:
        return NOTHING;
    }
  }
  const { reply } = message;
  switch (reply.status) {
    case "gossip":
      return {
        state: reply.membership ?? null,
        life: reply.newer.find(({ id }) => id === node) ?? null,
      };
    case "boot":
      return { state: reply.membership ?? null, life: reply.life };
    case "membership":
      return { ...NOTHING, state: reply.state };
    case "error": {
      const { registers } = reply.error;
      if (registers === undefined) return NOTHING;
      return { ...NOTHING, state: { members: [], tokens: [], registers } };
    }
    default:
      return NOTHING;
  }
}

function unknownOf(
  { members, tokens, registers }: MembershipState,
  { document }: SimulatedDisk,
): string | null {
  const known = document?.state ?? { members: [], tokens: [], registers: [] };
  for (const { member: { id }, version } of members) {
    const isKnown = known.members.some((each) => each.member.id === id && each.version >= version);
    if (!isKnown) return `version ${version} of member ${id}`;
  }
  for (const { position, epoch } of tokens) {
    const isKnown = known.tokens.some((each) => each.position === position && each.epoch >= epoch);
    if (!isKnown) return `epoch ${epoch} of the token at ${position}`;
  }
  for (const { start, epoch } of registers) {
    const isKnown = known.registers.some((each) =>
      each.epoch >= epoch && isWithin(start, each.start, each.end)
    );
    if (!isKnown) return `epoch ${epoch} of the range at ${start}`;
  }
  return null;
}
