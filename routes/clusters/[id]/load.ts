import { parse } from "../../(_server)/api/input.ts";
import { LoadBody } from "../../(_server)/api/schemas.ts";
import { validateLoad } from "../../(_server)/clusters/load_checks.ts";
import { clusterOf, define } from "../../(_server)/define.ts";
import { formObject, readForm } from "../../(_server)/pages/forms.ts";

const NUMBERS = ["count", "concurrency", "keyCount", "valueBytes", "r", "w"];

export const handler = define.handlers({
  async POST(ctx) {
    const registered = clusterOf(ctx);
    const body = parse(LoadBody, formObject(await readForm(ctx.req), NUMBERS));
    validateLoad(registered, body);
    registered.loads.start(body);
    return ctx.redirect(`/clusters/${registered.live.id}#load`, 303);
  },
});
