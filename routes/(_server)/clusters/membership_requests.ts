/**
 * Requests of the API that change a cluster's membership. Each change can be planned first
 * (`?plan=true`), and that very plan be committed (`?planId=`).
 */
import type { ChangeRequest } from "../../../nodes/cluster/launcher.ts";
import { jsonAnswer } from "../../../nodes/http/json_answer.ts";
import { parse } from "../api/input.ts";
import { ChangeQuery } from "../api/schemas_membership.ts";
import { clusterOf, type RouteContext } from "../define.ts";
import { commitChange, planChange } from "./membership_acts.ts";

/** Plans, commits what was planned, or does both; `committed` is the status once it is committed. */
export async function answerChange(
  ctx: RouteContext,
  request: ChangeRequest,
  committed: number,
): Promise<Response> {
  const registered = clusterOf(ctx);
  const { plan, planId } = parse(ChangeQuery, Object.fromEntries(ctx.url.searchParams));
  if (planId !== undefined) return jsonAnswer(await commitChange(registered, planId), committed);
  const planned = await planChange(ctx.state.clusters, registered, request);
  if (plan === "true") return jsonAnswer(planned);
  return jsonAnswer(await commitChange(registered, planned.planId), committed);
}
