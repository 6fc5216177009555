/**
 * What to do when a member refuses to plan or commit a membership change. Real processes and the
 * simulator follow the same rules. Changes are requested repeatedly, so a lost answer does no harm:
 * the next answer says that the change is already complete.
 */
import type { MembershipAct } from "../types/membership_plan.ts";

/** A `DynamoError`, or the problem that REST makes of it. */
interface ActRefusal {
  readonly code: string;
  readonly message: string;
}

type AfterRefusal =
  /** The reason is temporary. */
  | "ask-again"
  /** The change is already complete, or impossible. */
  | "give-up"
  /** The change is possible with another data directory. */
  | "join-empty";

/** The membership has changed since the plan was made: make a new plan at once. */
export function isPlanOutdated({ code }: Pick<ActRefusal, "code">): boolean {
  return code === "ring-moved";
}

/**
 * `refusal`: null when no answer came. `isMember`: whether any member believes that the joining node
 * is a member; it is only used for a join.
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
      // Some members may not know yet that a node which joins again was removed.
      return isMember && !isNewcomerSilent(message) ? "give-up" : "ask-again";
    case "leave":
      return "give-up";
    case "remove":
    case "replace":
      // Failure detection soon ends the belief that a dead node is alive.
      return /as it is alive/.test(message) || isNewcomerSilent(message) ? "ask-again" : "give-up";
  }
}

/** The joining node could not be called: it is still starting, or down for a while. */
function isNewcomerSilent(message: string): boolean {
  return /Cannot (join|replace) with the node at/.test(message);
}
