/** Membership changes on a page without scripts: the response to a form shows the plan. */
import type { ClusterPageProps } from "../../../islands/cluster_page.tsx";
import { CHANGE_KINDS } from "../../../islands/models/api.ts";
import type { WantedChange } from "../../../islands/models/cluster_api.ts";
import type { ChangeRequest } from "../../../nodes/cluster/launcher.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { parse } from "../api/input.ts";
import { NewNode } from "../api/schemas_membership.ts";
import type { Registered } from "../clusters/registry.ts";
import type { RouteContext } from "../define.ts";
import type { PageResponse } from "../fresh/fresh.ts";
import { clusterView } from "./cluster_view.tsx";
import { formObject } from "./forms.ts";

/** Runs `answer`. If it throws a {@link ProblemError}, the cluster's page shows the problem. */
export async function withProblemPage<Answer>(
  ctx: RouteContext,
  registered: Registered,
  answer: () => Promise<Answer>,
): Promise<Answer | PageResponse<ClusterPageProps>> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { problem } = error;
    const change = { planned: null, problem };
    return await clusterView(ctx, registered, { change, status: problem.status });
  }
}

/** The change that a form describes. Throws a 400 {@link ProblemError} that names the field. */
export function parseChange(
  form: URLSearchParams,
): { change: WantedChange; request: ChangeRequest } {
  const kind = CHANGE_KINDS.find((each) => each === form.get("kind"));
  if (kind === undefined) {
    throw new ProblemError(
      "invalid",
      `kind must be one of ${CHANGE_KINDS.join(", ")}: it is '${form.get("kind")}'`,
    );
  }
  if (kind !== "add") {
    const node = form.get("node") ?? "";
    return { change: { kind, node }, request: { kind, node } };
  }
  const { kind: _, ...fields } = formObject(form, ["weight"]);
  const newNode = parse(NewNode, fields);
  return { change: { kind, ...newNode }, request: { kind, ...newNode } };
}
