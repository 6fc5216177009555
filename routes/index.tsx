import { presetFields } from "../islands/models/presets.ts";
import { define } from "./(_server)/define.ts";
import { ClustersView, clustersView } from "./(_server)/pages/clusters_view.tsx";

export const handler = define.handlers({
  GET(ctx) {
    return clustersView(ctx, presetFields(ctx.url.searchParams.get("preset") ?? undefined), null);
  },
});

export default define.page<typeof handler>(ClustersView);
