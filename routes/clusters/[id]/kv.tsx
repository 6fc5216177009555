import { clusterOf, define } from "../../(_server)/define.ts";
import { ClusterView, clusterView } from "../../(_server)/pages/cluster_view.tsx";
import { readForm } from "../../(_server)/pages/forms.ts";
import { writeForPage } from "../../(_server)/pages/key_forms.ts";

export const handler = define.handlers({
  /** A get redirects, so that reloading the page repeats it. A write responds with its result. */
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const form = await readForm(ctx.req);
    const key = form.get("key") ?? "";
    if (form.get("op") === "get") {
      const query = new URLSearchParams({ key, op: "get" });
      for (const name of ["r", "node"]) if (form.get(name)) query.set(name, form.get(name) ?? "");
      return ctx.redirect(`/clusters/${registered.live.id}?${query}#keys`, 303);
    }
    const outcome = await writeForPage(ctx.state.clusters, registered, key, form);
    const status = outcome.kind === "problem" ? outcome.problem.status : 200;
    return clusterView(ctx, registered, { keys: { key, outcome }, status });
  },
});

export default define.page<typeof handler>(ClusterView);
