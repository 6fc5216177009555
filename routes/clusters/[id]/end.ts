import { define } from "../../(_server)/define.ts";

export const handler = define.handlers({
  async POST(ctx) {
    await ctx.state.clusters.end(ctx.params.id ?? "");
    return ctx.redirect("/", 303);
  },
});
