/**
 * The frame of the JSON API: a route is data (what it is called, what it takes, what it answers, what
 * it does), listed in `api_*.ts` and applied here, so that what `/api/openapi.json` describes and what
 * is served cannot drift apart.
 */
import { OpenAPIHono, type RouteConfig, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { DOCS_HEADERS, renderDocs } from "../../../nodes/rest/docs_page.ts";
import { ProblemError } from "../../../nodes/http/problems.ts";
import { readBody } from "../../../nodes/http/request_body.ts";
import { ProblemSchema } from "./schemas.ts";

export interface ApiRoute {
  readonly config: RouteConfig;
  readonly handle: (c: Context) => Response | Promise<Response>;
}

/** A JSON document sent here is at most this long. */
const JSON_BYTES_MAX = 65_536;

export interface ApiOptions {
  /** Told of an answer whose status the description does not know; tests take none. */
  readonly onUndescribed?: (route: string, status: number) => void;
}

export function apiApp(routes: readonly ApiRoute[], options: ApiOptions = {}): OpenAPIHono {
  const app = new OpenAPIHono();
  for (const route of routes) {
    const config = described(route.config);
    app.openAPIRegistry.registerPath(config);
    const path = config.path.replace(/\{(\w+)\}/g, ":$1");
    app.on(config.method, path, watched({ config, handle: route.handle }, options));
  }
  const describe = (url: string) =>
    app.getOpenAPI31Document({ ...DESCRIPTION, servers: [{ url: new URL(url).origin }] });
  app.get(SOURCE, (c) => c.json(describe(c.req.url)));
  app.get("/api/docs", (c) => c.html(renderDocs(describe(c.req.url), SOURCE), 200, DOCS_HEADERS));
  return app;
}

const SOURCE = "/api/openapi.json";
const DESCRIPTION = {
  openapi: "3.1.0",
  info: {
    title: "Dynamo Simulator: the dashboard's API",
    version: "1",
    description: "Starts clusters of real Dynamo nodes on this machine, drives and breaks them. " +
      "Each node has an API of its own: see `/docs` at its url. Errors are RFC 9457 problem details.",
  },
};

/** The route with what the frame itself may answer for it. */
function described(config: RouteConfig): RouteConfig {
  const json = config.request?.body?.content["application/json"] !== undefined;
  const reasons = {
    ...(json
      ? {
        400: "The body is not JSON, or a field is wrong",
        413: "The body is too large",
        415: "Content-Type is not application/json",
      }
      : {}),
    ...(config.path.includes("{id}") ? { 404: "No such cluster" } : {}),
    403: "Host or Origin is not this server's own",
    500: "The dashboard failed; its output says more",
  };
  return { ...config, responses: { ...problems(reasons), ...config.responses } };
}

/** The route's handler, with each status held against the description. */
function watched({ config, handle }: ApiRoute, { onUndescribed }: ApiOptions): ApiRoute["handle"] {
  if (onUndescribed === undefined) return handle;
  const hold = (status: number) => {
    if (!(status in config.responses)) onUndescribed(`${config.method} ${config.path}`, status);
  };
  return async (c) => {
    let response: Response;
    try {
      response = await handle(c);
    } catch (error) {
      if (error instanceof ProblemError) hold(error.problem.status);
      throw error;
    }
    hold(response.status);
    return response;
  };
}

/** A JSON response of a schema, for a route's documentation. */
export function answers(status: number, description: string, schema?: z.ZodType) {
  return {
    [status]: {
      description,
      ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
    },
  };
}

/** Problem responses, for a route's documentation. */
export function problems(reasons: Record<number, string>) {
  const entries = Object.entries(reasons).map(([status, description]) => [status, {
    description,
    content: { "application/problem+json": { schema: ProblemSchema } },
  }]);
  return Object.fromEntries(entries) as Record<string, { description: string }>;
}

export function takes(schema: z.ZodType, example?: unknown) {
  const content = { schema, ...(example === undefined ? {} : { example }) };
  return { body: { content: { "application/json": content } } };
}

/** Checks an input against a schema. Throws a 400 {@link ProblemError} with everything that is wrong. */
export function parse<S extends z.ZodType>(schema: S, input: unknown): z.infer<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map((issue) => ({
    field: issue.code === "unrecognized_keys" ? issue.keys.join(", ") : issue.path.join("."),
    message: issue.code === "unrecognized_keys"
      ? `there is no field ${issue.keys.map((key) => `'${key}'`).join(", ")}`
      : issue.message,
  }));
  const detail = errors.map((error) => error.message).join("; ");
  throw new ProblemError("invalid", detail, { errors });
}

/** The body as JSON; `{}` when there is none. Throws {@link ProblemError}: 400, 413 or 415. */
export async function jsonBody(c: Context): Promise<unknown> {
  const bytes = await limitedBody(c.req.raw, JSON_BYTES_MAX);
  if (bytes.length === 0) return {};
  const type = c.req.header("Content-Type") ?? "";
  if (!/^application\/(\S+\+)?json\b/i.test(type)) {
    throw new ProblemError(
      "unsupported-media-type",
      `Content-Type must be application/json: it is '${type}'`,
    );
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ProblemError("invalid", `The body is not JSON: ${(error as Error).message}`);
  }
}

/** The whole body. Throws {@link ProblemError}: 400 when it breaks off, 413 when it is too long. */
export async function limitedBody(
  request: Request,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const body = await readBody(request, bytesMax);
  if (body.kind === "too-large") {
    throw new ProblemError("too-large", `The body must be at most ${bytesMax} bytes`);
  }
  if (body.kind === "broken") throw new ProblemError("invalid", "The body broke off");
  return body.bytes;
}
