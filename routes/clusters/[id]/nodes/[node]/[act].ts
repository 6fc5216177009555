import { actOnNode } from "../../../../(_server)/clusters/node_acts.ts";
import { clusterOf, define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const { live } = clusterOf(ctx);
    await actOnNode(live, ctx.params.node ?? "", ctx.params.act ?? "");
    return ctx.redirect(`/clusters/${live.id}#nodes`, 303);
  },
});
