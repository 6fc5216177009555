import { define } from "../(_server)/define.ts";
import { jsonAnswer } from "../../nodes/http/json_answer.ts";

export const handler = define.handlers({
  GET({ state, url }) {
    return jsonAnswer(state.describeApi(url.origin));
  },
});
