import { discardChange } from "../../(_server)/clusters/membership_acts.ts";
import { clusterOf, define } from "../../(_server)/define.ts";
import { readForm } from "../../(_server)/pages/forms.ts";

export const handler = define.handlers({
  async POST(ctx) {
    const form = await readForm(ctx.req);
    const registered = clusterOf(ctx);
    await discardChange(registered, form.get("planId") ?? "");
    return ctx.redirect(`/clusters/${registered.live.id}#nodes`, 303);
  },
});
