import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../(_server)/api/operation.ts";
import { KEY_REQUEST } from "../../../../(_server)/api/schemas_keys.ts";
import { forwardKeyRequest } from "../../../../(_server)/clusters/key_requests.ts";
import { define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  GET: (ctx) => forwardKeyRequest(ctx, "ring"),
});

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Get a key's position on the ring and its preference list",
    request: KEY_REQUEST,
    responses: {
      ...response(200, "The key's MD5 hash, partition and preference list"),
      ...problemResponses({
        400: "The key is malformed",
        404: "No such cluster or node",
        409: "The cluster is not running",
        502: "The node cannot be reached",
        504: "The node did not answer in time",
      }),
    },
  },
};
