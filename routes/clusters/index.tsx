import { presetFields } from "../../islands/models/presets.ts";
import { ProblemError } from "../../nodes/http/problems.ts";
import { parse } from "../(_server)/api/input.ts";
import { LaunchBody } from "../(_server)/api/schemas.ts";
import { launchOptions } from "../(_server)/clusters/launching.ts";
import { define } from "../(_server)/define.ts";
import { ClustersView, clustersView } from "../(_server)/pages/clusters_view.tsx";
import { formObject, readForm } from "../(_server)/pages/forms.ts";

const NUMBERS = ["nodes", "n", "r", "w", "partitions", "tokensPerNode"];

export const handler = define.handlers({
  /** Starts a cluster; a form that is refused comes back with what was typed. */
  async POST(ctx) {
    const given = formObject(await readForm(ctx.req), NUMBERS);
    try {
      const body = parse(LaunchBody, given);
      // Not awaited: the cluster's page shows how it starts.
      const { live } = ctx.state.clusters.launch(launchOptions(body));
      return ctx.redirect(`/clusters/${live.id}`, 303);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return clustersView(ctx, { ...presetFields(undefined), ...given }, error.problem);
    }
  },
});

export default define.page<typeof handler>(ClustersView);
