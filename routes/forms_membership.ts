/** The forms with which nodes come and go on a page without scripts: the plan comes back as a page. */
import type { Hono } from "hono";
import { CHANGE_KINDS } from "../islands/models/api.ts";
import type { ChangeStart } from "../islands/models/change_model.ts";
import type { WantedChange } from "../islands/models/cluster_api.ts";
import type { ChangeRequest } from "../nodes/cluster/launcher.ts";
import { parse } from "./(_server)/api/frame.ts";
import { formObject, readForm } from "./(_server)/pages/forms.ts";
import { commitChange, discardChange, planChange } from "./(_server)/clusters/membership_acts.ts";
import { ProblemError } from "../nodes/http/problems.ts";
import type { ClusterRegistry, Registered } from "./(_server)/clusters/registry.ts";
import { NodeWish } from "./(_server)/api/schemas_membership.ts";

type Show = (registered: Registered, change: ChangeStart, status: number) => Promise<Response>;

export function addMembershipForms(app: Hono, registry: ClusterRegistry, show: Show): void {
  /** What fails is shown on the page that was left. */
  const orProblem = async (
    registered: Registered,
    answer: () => Promise<Response>,
  ): Promise<Response> => {
    try {
      return await answer();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const { problem } = error;
      return await show(registered, { planned: null, problem }, problem.status);
    }
  };

  app.post("/clusters/:id/plan", async (c) => {
    const registered = registry.find(c.req.param("id"));
    const form = await readForm(c.req.raw);
    return orProblem(registered, async () => {
      const { change, request } = changeIn(form);
      const plan = await planChange(registry, registered, request);
      return await show(registered, { planned: { change, plan }, problem: null }, 200);
    });
  });

  app.post("/clusters/:id/commit", async (c) => {
    const id = c.req.param("id");
    const registered = registry.find(id);
    const form = await readForm(c.req.raw);
    return orProblem(registered, async () => {
      await commitChange(registered, form.get("planId") ?? "");
      return c.redirect(`/clusters/${id}#nodes`, 303);
    });
  });

  app.post("/clusters/:id/discard", async (c) => {
    const id = c.req.param("id");
    const form = await readForm(c.req.raw);
    await discardChange(registry.find(id), form.get("planId") ?? "");
    return c.redirect(`/clusters/${id}#nodes`, 303);
  });
}

/** Throws a 400 {@link ProblemError} that names the field. */
function changeIn(form: URLSearchParams): { change: WantedChange; request: ChangeRequest } {
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
  const { kind: _, ...given } = formObject(form, ["weight"]);
  const wish = parse(NodeWish, given);
  return { change: { kind, ...wish }, request: { kind, ...wish } };
}
