import { assetResponse } from "./(_server)/assets.ts";
import { define } from "./(_server)/define.ts";

export const handler = define.handlers({
  async GET({ state, url }) {
    return assetResponse(await state.assets, url.pathname, "public, max-age=3600");
  },
});
