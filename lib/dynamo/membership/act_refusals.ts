/**
 * What becomes of an act of membership that a member did not plan or commit: whoever wants it done, on
 * real processes or in the simulator, goes by the same rules. Acts are asked for again and again, so an
 * answer that was lost does no harm: the next one says that it was done already.
 */
import type { MembershipAct } from "../types/membership_plan.ts";

/** A `DynamoError`, or the problem that REST makes of it. */
interface ActRefusal {
  readonly code: string;
  readonly message: string;
}

type AfterRefusal =
  /** What is in the way passes by itself. */
  | "ask-again"
  /** It was done though nobody heard of it, or can never be. */
  | "give-up"
  /** It can be with another data directory. */
  | "join-empty";

/** The membership has changed since the plan was made: it may be planned anew at once. */
export function isPlanOutdated({ code }: Pick<ActRefusal, "code">): boolean {
  return code === "ring-moved";
}

/**
 * `refusal`: null when no answer came. `isMember`: whether the node that wants to join is one, as far
 * as any member has heard; of other acts it says nothing.
 */
export function afterRefusal(
  act: MembershipAct,
  refusal: ActRefusal | null,
  isMember: boolean,
): AfterRefusal {
  if (refusal?.code !== "act-refused") return "ask-again";
  const { message } = refusal;
  switch (act.kind) {
    case "join":
      if (/with the data that it was removed with/.test(message)) return "join-empty";
      // Not all members need have heard that a node which asks to be let in again was removed.
      return isMember && !isNewcomerSilent(message) ? "give-up" : "ask-again";
    case "leave":
      return "give-up";
    case "remove":
    case "replace":
      // That a dead node is taken for alive ends by itself.
      return /as it is alive/.test(message) || isNewcomerSilent(message) ? "ask-again" : "give-up";
  }
}

/** The newcomer could not be called: it is still starting, or down for a while. */
function isNewcomerSilent(message: string): boolean {
  return /Cannot (join|replace) with the node at/.test(message);
}
