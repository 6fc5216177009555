/**
 * The description of a node's REST API (OpenAPI 3.1), for `/openapi.json` and `/docs`. Loaded with the
 * first question for it. `rest_test.ts` holds it against the routes that there are.
 */
import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import { KEY_BYTES_MAX, TIMEOUT_MS_MAX, VALUE_BYTES_MAX } from "../../lib/dynamo/types/config.ts";
import { PEER_METHODS } from "../rpc/validate_requests.ts";
import * as schemas from "./openapi_schemas.ts";

/** What of an OpenAPI document the page needs. */
export type ApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

type Responses = RouteConfig["responses"];

const json = (schema: z.ZodType, example?: unknown) => ({
  "application/json": { schema, ...(example === undefined ? {} : { example }) },
});
const anything = { "*/*": { schema: { type: "string", format: "binary" } as const } };

const CONTEXT_OUT = {
  "X-Dynamo-Context": {
    description: "To be sent back with the next write of the key",
    schema: { type: "string" } as const,
  },
};

function problems(...statuses: readonly [number, string][]): Responses {
  const content = { "application/problem+json": { schema: schemas.problemDetails } };
  return Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content }]),
  );
}

const key = z.object({
  key: z.string().openapi({
    description: `One percent-encoded segment, slashes as %2F; at most ${KEY_BYTES_MAX} bytes`,
    example: "greeting",
  }),
});

const replies = (name: string, what: string) =>
  z.coerce.number().int().optional().openapi({
    description: `${name}: ${what}. The cluster's default when left out`,
  });
const common = {
  sloppy: z.enum(["true", "false"]).optional().openapi({
    description: "false: only the key's primaries may serve the request",
  }),
  timeoutMs: z.coerce.number().int().optional().openapi({
    description: `Give up after this many milliseconds, at most ${TIMEOUT_MS_MAX}`,
  }),
};
const readQuery = {
  r: replies("R", "replies to wait for, 1 to N"),
  pr: replies("PR", "how many of them must be primaries', 0 to N"),
};
const writeQuery = {
  w: replies("W", "acknowledgements to wait for, 1 to N"),
  pw: replies("PW", "how many of them must be primaries', 0 to N"),
};
const contextHeader = z.object({
  "x-dynamo-context": z.string().optional().openapi({
    description: "From the last read or write of the key. Without it the write is concurrent",
  }),
});

const FOREIGN_HOST = "The Host header names another host than this one";

/** What any route may answer. */
const EVERYWHERE = problems(
  [403, FOREIGN_HOST],
  [500, "The node made a mistake; its log says more"],
);

const REFUSED = problems(
  [400, "Malformed or out of range; the detail names what, its value and what is allowed"],
  [401, "The node was started with a token for clients, and the request does not show it"],
  [421, "The key's owners moved while the request was under way: ask again"],
  [
    503,
    "Too few replicas answered, or the node is overloaded or stopping; see `definite`. Replicas that " +
    "recover count for no read: the detail of a read says which, and whom they wait for",
  ],
);
const CROWDED = problems([409, "It would leave too many siblings: read, and reconcile them"]);

const KV_ROUTES: readonly RouteConfig[] = [
  {
    method: "put",
    path: "/kv/{key}",
    summary: "Store a value",
    description: `The body as it is, at most ${VALUE_BYTES_MAX} bytes, and its Content-Type. ` +
      "With the context of a read it replaces what was read; without, it becomes a sibling.",
    request: {
      params: key,
      query: z.object({ ...writeQuery, ...common }),
      headers: contextHeader,
      body: { content: anything, required: true },
    },
    responses: {
      200: {
        description: "Stored on W nodes",
        headers: CONTEXT_OUT,
        content: json(schemas.written),
      },
      ...REFUSED,
      ...CROWDED,
      ...problems([413, "The value is too large"]),
    },
  },
  {
    method: "get",
    path: "/kv/{key}",
    summary: "Read a value",
    description: "HEAD does the same without the body. `If-None-Match` takes the ETag of before. " +
      "With `Accept: application/json` always the envelope, with what each replica answered and when.",
    request: { params: key, query: z.object({ ...readQuery, ...common }) },
    responses: {
      200: { description: "The value as it was put", headers: CONTEXT_OUT, content: anything },
      300: {
        description: "Several siblings: write one value with this context to reconcile them",
        headers: CONTEXT_OUT,
        content: json(schemas.readEnvelope),
      },
      304: { description: "As the ETag says" },
      ...REFUSED,
      ...problems([404, "Absent, or deleted: then with a context"]),
    },
  },
  {
    method: "delete",
    path: "/kv/{key}",
    summary: "Delete a value",
    description: "Deletes what the context has seen; without one, what the coordinator reads at R.",
    request: {
      params: key,
      query: z.object({ ...writeQuery, ...readQuery, ...common }),
      headers: contextHeader,
    },
    responses: {
      200: {
        description: "A tombstone is on W nodes",
        headers: CONTEXT_OUT,
        content: json(schemas.written),
      },
      ...REFUSED,
      ...CROWDED,
    },
  },
];

const NODE_ROUTES: readonly RouteConfig[] = [
  {
    method: "get",
    path: "/ring",
    summary: "The partition table",
    responses: { 200: { description: "The ring, whole", content: json(schemas.ring) } },
  },
  {
    method: "get",
    path: "/ring/{key}",
    summary: "Where a key lives",
    request: { params: key },
    responses: {
      200: { description: "Its position and preference list", content: json(schemas.place) },
      ...problems([400, "Malformed key"]),
    },
  },
  {
    method: "get",
    path: "/status",
    summary: "The node's state",
    responses: { 200: { description: "Its state now", content: json(schemas.status) } },
  },
  {
    method: "get",
    path: "/events",
    summary: "Protocol events, as server-sent events",
    description:
      "`event` is the observation's type, `data` its JSON with `node`, who observed it, and `at` " +
      "(ms since 1970); `peer` is another node that it is about. A slow reader loses events and is told how many by an event `dropped`.",
    responses: {
      200: {
        description: "Never ends",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      ...problems([503, "Too many watch already"]),
    },
  },
  {
    method: "get",
    path: "/health",
    summary: "Is the process alive?",
    responses: {
      200: { description: "Yes", content: json(z.object({ status: z.literal("alive") })) },
    },
  },
  {
    method: "get",
    path: "/ready",
    summary: "Does it take requests?",
    responses: {
      200: { description: "Yes", content: json(z.object({ status: z.literal("ready") })) },
      ...problems([503, "It is stopping"]),
    },
  },
  {
    method: "get",
    path: "/metrics",
    summary: "Figures for Prometheus",
    responses: {
      200: {
        description: "Text format",
        content: { "text/plain": { schema: { type: "string" } } },
      },
    },
  },
  {
    method: "get",
    path: "/openapi.json",
    summary: "This description",
    responses: { 200: { description: "OpenAPI 3.1" } },
  },
  {
    method: "get",
    path: "/docs",
    summary: "This description as a page",
    responses: { 200: { description: "HTML" } },
  },
];

const security = [{ secret: [] }];
const UNAUTHORIZED = problems([401, "The cluster's secret is missing or wrong"]);

const PEER_ROUTES: readonly RouteConfig[] = [
  {
    method: "get",
    path: "/debug/keys",
    summary: "Keys that this node holds",
    security,
    request: {
      query: z.object({
        prefix: z.string().optional(),
        limit: z.coerce.number().int().min(1).max(1_000).optional(),
        after: z.string().optional().openapi({ description: "`next` of the page before" }),
      }),
    },
    responses: {
      200: { description: "In ring order", content: json(schemas.keyPage) },
      ...problems([400, "An unknown or malformed parameter"], [503, "The disk failed"]),
      ...UNAUTHORIZED,
    },
  },
  {
    method: "get",
    path: "/debug/keys/{key}",
    summary: "What this node holds of a key",
    security,
    request: { params: key },
    responses: {
      200: { description: "Its record", content: json(schemas.heldRecord) },
      ...problems(
        [400, "Malformed key"],
        [404, "It holds nothing"],
        [503, "The disk failed, or the record on it is damaged"],
      ),
      ...UNAUTHORIZED,
    },
  },
  {
    method: "post",
    path: "/anti-entropy",
    summary: "Compare with the co-owners now; pause and resume",
    description:
      "Answers when the comparisons are over: of every range with an empty body or {}, of " +
      "one with range or key. Pausing alone compares nothing; a restart resumes.",
    security,
    request: { body: { content: json(schemas.antiEntropyOrder, { key: "greeting" }) } },
    responses: {
      200: { description: "How it went, and the state", content: json(schemas.antiEntropy) },
      ...problems(
        [400, "Malformed, or anti-entropy is off"],
        [421, "The node does not own the range"],
        [503, "The trees are still being built, or too many orders wait"],
      ),
      ...UNAUTHORIZED,
    },
  },
  ...membershipRoutes(),
  ...faultRoutes(),
  {
    method: "post",
    path: "/rpc",
    summary: "JSON-RPC 2.0 between nodes",
    description:
      `Methods: ping, initial-config, identify, ${PEER_METHODS.join(", ")}; batches too. Try ` +
      '`{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}`. All but the first three need an ' +
      "envelope. Peers send one call a line, as application/jsonl.",
    security,
    request: {
      body: {
        content: json(z.unknown(), { jsonrpc: "2.0", id: 1, method: "ping", params: {} }),
      },
    },
    responses: {
      200: { description: "A result or an error, or a list of them", content: json(z.unknown()) },
      204: { description: "There is nothing to answer: all were notifications" },
      ...UNAUTHORIZED,
      ...rpcErrors(
        [400, "The body broke off"],
        [409, "The conversation is meant for another node or cluster"],
        [413, "The body is too large"],
      ),
      ...problems([503, "It is stopping"]),
    },
  },
];

/** Refusals of a whole request in the words of JSON-RPC. */
function rpcErrors(...statuses: readonly [number, string][]): Responses {
  const content = json(z.object({ jsonrpc: z.literal("2.0"), id: z.null(), error: z.unknown() }));
  return Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content }]),
  );
}

/** Explicit acts, each planned first and then committed. */
function membershipRoutes(): RouteConfig[] {
  const { node, url, weight, zone } = schemas.actFields;
  const act = (
    name: string,
    summary: string,
    description: string,
    fields: z.ZodRawShape,
    example: Readonly<Record<string, unknown>>,
  ) =>
    ({
      method: "post",
      path: `/membership/${name}`,
      summary,
      description:
        `${description} With \`plan: true\` it says what would move, and nothing changes; ` +
        "with the planId alone it is done. Ask the node that made the plan.",
      security,
      request: {
        body: {
          content: json(schemas.planOrder(fields), { plan: true, ...example }),
          required: true,
        },
      },
      responses: {
        200: { description: "The plan", content: json(schemas.plan) },
        ...problems(
          [400, "Malformed or out of range"],
          [404, "No such plan, or it is forgotten"],
          [409, "It cannot be, or the membership has changed since it was planned"],
          [503, "The node is starting or stopping"],
        ),
        ...UNAUTHORIZED,
      },
    }) as const;
  return [
    act("join", "Let a node join", "The node must run and know the cluster.", {
      ...{ url, weight, zone },
    }, { url: "http://127.0.0.1:9106" }),
    act("leave", "Let a node leave", "It hands over what it holds, and serves until then.", {
      node,
    }, { node: "n1" }),
    act("remove", "Remove a dead node", "Its part is copied from the other owners.", {
      node,
    }, { node: "n1" }),
    act("replace", "Let a new node take a dead one's part", "As remove and join in one.", {
      ...{ node, url, weight, zone },
    }, { node: "n1", url: "http://127.0.0.1:9106" }),
    {
      method: "get",
      path: "/membership/transfers",
      summary: "How far changes of the membership have come",
      security,
      responses: {
        200: { description: "As this node knows", content: json(schemas.transfers) },
        ...UNAUTHORIZED,
      },
    },
  ];
}

/** Only of use on a node that was started with `--allow-faults`. */
function faultRoutes(): RouteConfig[] {
  const path = "/faults";
  const answer = { 200: { description: "The faults now", content: json(schemas.faults) } };
  const refused = {
    ...problems([403, `Started without --allow-faults. Or: ${FOREIGN_HOST}`]),
    ...UNAUTHORIZED,
  };
  return [
    {
      method: "get",
      path,
      summary: "How the node misbehaves",
      security,
      responses: { ...answer, ...refused },
    },
    {
      method: "put",
      path,
      summary: "Make the node misbehave",
      description: "Takes the place of what was said before: whatever is left out is well again.",
      security,
      request: {
        body: { content: json(schemas.faultRequest, { drop: 0.1 }), required: true },
      },
      responses: { ...answer, ...problems([400, "Malformed or out of range"]), ...refused },
    },
    {
      method: "delete",
      path,
      summary: "Let the node behave",
      security,
      responses: { ...answer, ...refused },
    },
  ];
}

export const API_ROUTES: readonly RouteConfig[] = [...KV_ROUTES, ...NODE_ROUTES, ...PEER_ROUTES]
  .map((route) => ({ ...route, responses: { ...EVERYWHERE, ...route.responses } }));

export function describeApi(url: string): ApiDocument {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "secret", {
    type: "http",
    scheme: "bearer",
    description: "The content of the cluster's secret file",
  });
  for (const route of API_ROUTES) app.openAPIRegistry.registerPath(route);
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "A Dynamo node",
      version: "0.1.0",
      description: "Keys and values, the ring, and what the node is doing. Errors are RFC 9457 " +
        "problem details.",
    },
    servers: [{ url }],
  });
}
