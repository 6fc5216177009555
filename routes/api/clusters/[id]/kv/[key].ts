import { VALUE_BYTES_MAX } from "../../../../../lib/dynamo/types/config.ts";
import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../(_server)/api/operation.ts";
import { KEY_REFUSALS, KEY_REQUEST } from "../../../../(_server)/api/schemas_keys.ts";
import { forwardKeyRequest } from "../../../../(_server)/clusters/key_requests.ts";
import { define } from "../../../../(_server)/define.ts";

export const handler = define.handlers({
  GET: (ctx) => forwardKeyRequest(ctx, "kv"),
  PUT: (ctx) => forwardKeyRequest(ctx, "kv"),
  DELETE: (ctx) => forwardKeyRequest(ctx, "kv"),
});

const body = {
  content: { "*/*": { schema: { type: "string", format: "binary" } as const } },
  required: true,
};

export const openapi: OperationsOf<typeof handler> = {
  GET: {
    summary: "Get a key; with Accept: application/json all that the coordinator knows of the read",
    request: KEY_REQUEST,
    responses: {
      ...response(200, "The value, as it was stored"),
      ...response(300, "Several siblings, as JSON with their clocks and one context"),
      ...KEY_REFUSALS,
    },
  },
  PUT: {
    summary: "Put a value; X-Dynamo-Context says which versions it replaces",
    request: { ...KEY_REQUEST, body },
    responses: {
      ...response(200, "Who committed it, and the context of the new version"),
      ...KEY_REFUSALS,
      ...problemResponses({ 413: `The value has more than ${VALUE_BYTES_MAX} bytes` }),
    },
  },
  DELETE: {
    summary: "Delete a key: writes a tombstone",
    request: KEY_REQUEST,
    responses: { ...response(200, "As put"), ...KEY_REFUSALS },
  },
};
