/**
 * Compares what a node tells others about the membership and about itself with its disk. A register, a
 * member or an incarnation must be durable before others learn it. Otherwise a crash could undo it, and
 * then two nodes would act on different histories.
 */
import type { MembershipState } from "../../dynamo/membership/membership_state.ts";
import { isWithin } from "../../dynamo/ring/ownership.ts";
import type { Effect } from "../../dynamo/types/events.ts";
import type { Life } from "../../dynamo/types/life.ts";
import type { SimulatedDisk } from "./disk.ts";

type Message = Extract<Effect, { kind: "call" | "respond" }>;

/**
 * Describes the first part of the message that is not yet on the disk; null if all of it is, undefined if
 * the message has no such part.
 */
export function notYetDurable(
  node: string,
  message: Message,
  disk: SimulatedDisk,
): string | null | undefined {
  const { state, life } = contentOf(node, message);
  if (state === null && life === null) return undefined;
  return (state === null ? null : unknownOf(state, disk)) ??
    (life === null || life.incarnation <= disk.incarnation
      ? null
      : `incarnation ${life.incarnation}`);
}

interface Content {
  readonly state: MembershipState | null;
  /** The sender's own. */
  readonly life: Life | null;
}

const NOTHING: Content = { state: null, life: null };

function contentOf(node: string, message: Message): Content {
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
