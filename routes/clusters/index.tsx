import { parse } from "../(_server)/api/input.ts";
import { LaunchBody } from "../(_server)/api/schemas.ts";
import { launchOptions } from "../(_server)/clusters/launching.ts";
import { define } from "../(_server)/define.ts";
import { ClustersView, clustersView } from "../(_server)/pages/clusters_view.tsx";
import { formObject, readForm } from "../(_server)/pages/forms.ts";
import { presetFields } from "../../islands/models/presets.ts";
import { ProblemError } from "../../nodes/http/problems.ts";

const NUMBERS = ["nodes", "n", "r", "w", "partitions", "tokensPerNode"];

export const handler = define.handlers({
  /** Starts a cluster. If the form is invalid, shows it again with the entered values. */
  async POST(ctx) {
    const fields = formObject(await readForm(ctx.req), NUMBERS);
    try {
      const body = parse(LaunchBody, fields);
      // Does not wait for the start: the cluster's page shows its progress.
      const { live } = ctx.state.clusters.launch(launchOptions(body));
      return ctx.redirect(`/clusters/${live.id}`, 303);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      return clustersView(ctx, { ...presetFields(undefined), ...fields }, error.problem);
    }
  },
});

export default define.page<typeof handler>(ClustersView);
