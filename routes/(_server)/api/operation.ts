/** Helpers to describe a method's request and responses in OpenAPI's terms. */
import type { OpenAPIHono, RouteConfig, z } from "@hono/zod-openapi";
import { ProblemSchema } from "./schemas.ts";

/** An OpenAPI operation. Its path and method follow from the route file. */
export type ApiOperation = Omit<RouteConfig, "method" | "path">;

/** One operation for each method of a route's handler. */
export type OperationsOf<Handler> = { readonly [M in keyof Handler]: ApiOperation };

export type ApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** A response with this status, with a JSON body if there is a schema. */
export function response(status: number, description: string, schema?: z.ZodType) {
  return {
    [status]: {
      description,
      ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
    },
  };
}

/** Problem responses, by status. */
export function problemResponses(reasons: Record<number, string>) {
  const entries = Object.entries(reasons).map(([status, description]) => [status, {
    description,
    content: { "application/problem+json": { schema: ProblemSchema } },
  }]);
  return Object.fromEntries(entries) as Record<string, { description: string }>;
}

/** A request with a JSON body. */
export function jsonRequest(schema: z.ZodType, example?: unknown) {
  const content = { schema, ...(example === undefined ? {} : { example }) };
  return { body: { content: { "application/json": content } } };
}
