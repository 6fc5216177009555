import {
  type OperationsOf,
  problemResponses,
  response,
} from "../../../../(_server)/api/operation.ts";
import { KEY_REFUSALS, KEY_REQUEST } from "../../../../(_server)/api/schemas_keys.ts";
import { forwardKeyRequest } from "../../../../(_server)/clusters/key_requests.ts";
import { define } from "../../../../(_server)/define.ts";
import { VALUE_BYTES_MAX } from "../../../../../lib/dynamo/types/config.ts";

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
    summary: "Get a key; with Accept: application/json also each replica's answer and its time",
    request: KEY_REQUEST,
    responses: {
      ...response(200, "The value as it was stored"),
      ...response(300, "Several siblings, as JSON with their clocks and one context for all"),
      ...KEY_REFUSALS,
    },
  },
  PUT: {
    summary: "Put a value; it replaces the versions in X-Dynamo-Context",
    request: { ...KEY_REQUEST, body },
    responses: {
      ...response(200, "The nodes that committed the value, and the context of the new version"),
      ...KEY_REFUSALS,
      ...problemResponses({ 413: `The value is longer than ${VALUE_BYTES_MAX} bytes` }),
    },
  },
  DELETE: {
    summary: "Delete a key by writing a tombstone",
    request: KEY_REQUEST,
    responses: {
      ...response(200, "The nodes that committed the tombstone, and its context"),
      ...KEY_REFUSALS,
    },
  },
};
