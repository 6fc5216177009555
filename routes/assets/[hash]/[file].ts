import { assetResponse } from "../../(_server)/assets.ts";
import { define } from "../../(_server)/define.ts";

export const handler = define.handlers({
  /** The path contains a hash of the content, so the file never changes. */
  async GET({ state, url }) {
    return assetResponse(await state.assets, url.pathname, "public, max-age=31536000, immutable");
  },
});
