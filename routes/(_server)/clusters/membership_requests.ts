/**
 * The API's requests that change a cluster's membership. `?plan=true` only plans the change, and
 * `?planId=` commits exactly that plan.
 */
import type { ChangeRequest } from "../../../nodes/cluster/launcher.ts";
import { jsonAnswer } from "../../../nodes/http/json_answer.ts";
import { parse } from "../api/input.ts";
import { ChangeQuery } from "../api/schemas_membership.ts";
import { clusterOf, type RouteContext } from "../define.ts";
import { commitChange, planChange } from "./membership_acts.ts";

/** Plans a change, commits a plan, or does both. `committedStatus` is the status after a commit. */
export async function answerChange(
  ctx: RouteContext,
  request: ChangeRequest,
  committedStatus: number,
): Promise<Response> {
  const registered = clusterOf(ctx);
  const { plan, planId } = parse(ChangeQuery, Object.fromEntries(ctx.url.searchParams));
  if (planId !== undefined) {
    return jsonAnswer(await commitChange(registered, planId), committedStatus);
  }
  const planned = await planChange(ctx.state.clusters, registered, request);
  if (plan === "true") return jsonAnswer(planned);
  return jsonAnswer(await commitChange(registered, planned.planId), committedStatus);
}
