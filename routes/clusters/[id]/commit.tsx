import { commitChange } from "../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../(_server)/define.ts";
import { withProblemPage } from "../../(_server)/pages/change_forms.ts";
import { ClusterView } from "../../(_server)/pages/cluster_view.tsx";
import { readForm } from "../../(_server)/pages/forms.ts";

export const handler = define.handlers({
  /** Commits a plan from `plan.tsx`. */
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const form = await readForm(ctx.req);
    return withProblemPage(ctx, registered, async () => {
      await commitChange(registered, form.get("planId") ?? "");
      return ctx.redirect(`/clusters/${registered.live.id}#nodes`, 303);
    });
  },
});

export default define.page<typeof handler>(ClusterView);
