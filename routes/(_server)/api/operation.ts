/** Words for describing what a method of the API takes and answers, as OpenAPI has it. */
import type { OpenAPIHono, RouteConfig, z } from "@hono/zod-openapi";
import { ProblemSchema } from "./schemas.ts";

/** Its path and its method are said by the file that it stands in. */
export type ApiOperation = Omit<RouteConfig, "method" | "path">;

/** A description of exactly the methods that a route has. */
export type OperationsOf<Handler> = { readonly [M in keyof Handler]: ApiOperation };

export type ApiDocument = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** A JSON response of a schema. */
export function response(status: number, description: string, schema?: z.ZodType) {
  return {
    [status]: {
      description,
      ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
    },
  };
}

/** Problem responses. */
export function problemResponses(reasons: Record<number, string>) {
  const entries = Object.entries(reasons).map(([status, description]) => [status, {
    description,
    content: { "application/problem+json": { schema: ProblemSchema } },
  }]);
  return Object.fromEntries(entries) as Record<string, { description: string }>;
}

/** A JSON body of a schema. */
export function jsonRequest(schema: z.ZodType, example?: unknown) {
  const content = { schema, ...(example === undefined ? {} : { example }) };
  return { body: { content: { "application/json": content } } };
}
