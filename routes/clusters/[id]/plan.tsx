import { planChange } from "../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../(_server)/define.ts";
import { parseChange, withProblemPage } from "../../(_server)/pages/change_forms.ts";
import { ClusterView, clusterView } from "../../(_server)/pages/cluster_view.tsx";
import { readForm } from "../../(_server)/pages/forms.ts";

export const handler = define.handlers({
  /** Shows the plan of a membership change without making the change. */
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const form = await readForm(ctx.req);
    return withProblemPage(ctx, registered, async () => {
      const { change, request } = parseChange(form);
      const plan = await planChange(ctx.state.clusters, registered, request);
      const planned = { change, plan };
      return await clusterView(ctx, registered, { change: { planned, problem: null } });
    });
  },
});

export default define.page<typeof handler>(ClusterView);
