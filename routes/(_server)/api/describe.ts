/**
 * The API's description, made from what its route files export, so that what `/api/openapi.json` says
 * and what is served cannot drift apart.
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { ProblemError } from "../../../nodes/http/problems.ts";
import type { RouteContext, RouteFile, RouteFiles, State } from "../define.ts";
import { type HandlerByMethod, type HandlerFn, type Method, METHODS } from "../fresh/fresh.ts";
import { byPath, openApiPathOf } from "../fresh/route_paths.ts";
import { type ApiDocument, type ApiOperation, problemResponses } from "./operation.ts";

const DESCRIPTION = {
  openapi: "3.1.0",
  info: {
    title: "Dynamo Simulator: the dashboard's API",
    version: "1",
    description: "Starts clusters of real Dynamo nodes on this machine, drives and breaks them. " +
      "Each node has an API of its own: see `/docs` at its url. Errors are RFC 9457 problem details.",
  },
};

/** Describes the routes that have a description, for a server at a given origin. */
export function apiDescription(routes: RouteFiles): (origin: string) => ApiDocument {
  const api = new OpenAPIHono();
  for (const file of Object.keys(routes).toSorted(byPath)) {
    for (const [method, operation] of operationsOf(routes[file])) {
      api.openAPIRegistry.registerPath({
        method: method.toLowerCase() as Lowercase<Method>,
        path: openApiPathOf(file),
        ...operation,
        responses: responsesOf(file, operation),
      });
    }
  }
  return (origin) => api.getOpenAPI31Document({ ...DESCRIPTION, servers: [{ url: origin }] });
}

function operationsOf(file: RouteFile | undefined): [Method, ApiOperation][] {
  return METHODS.flatMap((method): [Method, ApiOperation][] => {
    const operation = file?.openapi?.[method];
    return operation === undefined ? [] : [[method, operation]];
  });
}

/** The operation's responses, with what may be answered for it before its handler is asked. */
function responsesOf(
  file: string,
  { request, responses }: ApiOperation,
): ApiOperation["responses"] {
  const takesJson = request?.body?.content["application/json"] !== undefined;
  const reasons = {
    ...(takesJson
      ? {
        400: "The body is not JSON, or a field is wrong",
        413: "The body is too large",
        415: "Content-Type is not application/json",
      }
      : {}),
    ...(file.includes("/[id]") ? { 404: "No such cluster" } : {}),
    403: "Host or Origin is not this server's own",
    500: "The dashboard failed; its output says more",
  };
  return { ...problemResponses(reasons), ...responses };
}

/** Told of an answer whose status the description does not know. */
export type OnUndescribed = (route: string, status: number) => void;

/** The same routes, with the status of each answer held against the description. */
export function watched(routes: RouteFiles, onUndescribed: OnUndescribed): RouteFiles {
  return Object.fromEntries(
    Object.entries(routes).map(([name, file]) => {
      const handlers: Partial<Record<Method, HandlerFn<unknown, State>>> = {};
      for (const [method, operation] of operationsOf(file)) {
        const handle = (file.handler as HandlerByMethod<unknown, State>)[method];
        const known = responsesOf(name, operation);
        const hold = (status: number) => {
          if (!(status in known)) onUndescribed(`${method} ${openApiPathOf(name)}`, status);
        };
        if (handle !== undefined) handlers[method] = holding(handle, hold);
      }
      return [name, file.openapi === undefined ? file : { ...file, handler: handlers }];
    }),
  );
}

function holding(
  handle: HandlerFn<unknown, State>,
  hold: (status: number) => void,
): HandlerFn<unknown, State> {
  return async (ctx: RouteContext) => {
    try {
      const answer = await handle(ctx);
      hold(answer.status ?? 200);
      return answer;
    } catch (error) {
      if (error instanceof ProblemError) hold(error.problem.status);
      throw error;
    }
  };
}
