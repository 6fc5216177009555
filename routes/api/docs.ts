import { define } from "../(_server)/define.ts";
import { DOCS_HEADERS, renderDocs } from "../../nodes/rest/docs_page.ts";

export const handler = define.handlers({
  /** The API's description as an HTML page. */
  GET({ state, url }) {
    return new Response(renderDocs(state.describeApi(url.origin), "/api/openapi.json"), {
      headers: { ...DOCS_HEADERS, "content-type": "text/html; charset=UTF-8" },
    });
  },
});
