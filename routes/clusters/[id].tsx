import { clusterOf, define } from "../(_server)/define.ts";
import { ClusterView, clusterView } from "../(_server)/pages/cluster_view.tsx";
import { getForPage } from "../(_server)/pages/key_forms.ts";

export const handler = define.handlers({
  /** With `?op=get&key=KEY` the page also gets the key and shows the result. */
  async GET(ctx) {
    const registered = clusterOf(ctx);
    const query = ctx.url.searchParams;
    const key = query.get("key") ?? "";
    const asked = query.get("op") === "get" && key !== "";
    const outcome = asked ? await getForPage(ctx.state.clusters, registered, key, query) : null;
    return clusterView(ctx, registered, { keys: { key, outcome } });
  },
});

export default define.page<typeof handler>(ClusterView);
